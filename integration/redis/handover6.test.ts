import { describeHandover } from './handover.js';

describeHandover('6');
