import { describeCommands } from './commands.js';

describeCommands('6');
