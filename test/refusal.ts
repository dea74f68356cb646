// Calls that must raise a KeelError. Anything else, or nothing, fails the test.
import { KeelError } from 'evenkeel';
import { expect } from 'vitest';

export function refusal(run: () => unknown): KeelError {
  try {
    run();
  } catch (error) {
    if (error instanceof KeelError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

/** Expects that a call is refused as a file, with these words. */
export async function refusesFile(run: () => unknown, message: string): Promise<void> {
  const call = async () => run();
  await expect(call()).rejects.toBeInstanceOf(KeelError);
  await expect(call()).rejects.toMatchObject({ code: 'file', message: expect.stringContaining(message) });
}
