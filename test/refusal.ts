// The KeelError that a call raises. Anything else, or nothing, fails the test.
import { KeelError } from 'evenkeel';

export function refusal(run: () => unknown): KeelError {
  try {
    run();
  } catch (error) {
    if (error instanceof KeelError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}
