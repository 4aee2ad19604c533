import { completionCommand } from './completion.js';
import { doctorCommand } from './doctor.js';
import { embedCommand } from './embed.js';
import { evalCommand } from './eval.js';
import { exportCommand } from './export.js';
import { indexCommand } from './index-pictures.js';
import { initCommand } from './init.js';
import { inspectCommand } from './inspect.js';
import { pushCommand } from './push.js';
import { searchCommand } from './search.js';
import { serveCommand } from './serve.js';
import { trainCommand } from './train.js';
import { watchCommand } from './watch.js';

/** Every command, by name. A command is a file here, which says its flags, and one that does the work, loaded when it is asked for. */
export const COMMANDS = {
  train: trainCommand,
  watch: watchCommand,
  eval: evalCommand,
  search: searchCommand,
  embed: embedCommand,
  inspect: inspectCommand,
  index: indexCommand,
  serve: serveCommand,
  export: exportCommand,
  push: pushCommand,
  init: initCommand,
  doctor: doctorCommand,
  completion: completionCommand,
};
