import { describeFailover } from './failover.js';

describeFailover('6');
