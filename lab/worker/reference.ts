// For browsers without WebAssembly: everything on the reference backend. May import evenkeel.

import { useBackend } from 'evenkeel';

useBackend('reference');
