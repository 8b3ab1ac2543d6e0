import { describeFailover } from './failover.js';
import { describeGeneration } from './generation.js';

describeFailover('6');
describeGeneration('6');
