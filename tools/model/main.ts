// npm run model -- DIR [--out OUT] [--backend NAME]: rebuilds each model of a folder from its JSON, loads its checkpoints,
// and computes what NAME.expected.safetensors holds. May import 'evenkeel' and 'evenkeel/io'.

import { folderCommand } from '../foldercommand.js';
import { runModels } from './run.js';

const usage = 'usage: npm run model -- DIR [--out OUT] [--backend NAME]';

await folderCommand(usage, [], ({ folder, out }) => runModels(folder, out, console.log));
