export { seededRandom } from '../runtime/random.js';
export { ManualClock } from './manual-clock.js';
