import { describeOwnersOfWaiting } from './owners-of-waiting.js';

describeOwnersOfWaiting('6');
