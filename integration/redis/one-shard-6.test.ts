import { describeOneShard } from './one-shard.js';

describeOneShard('6', [{}, { keyPrefix: 'app:' }, { stringNumbers: true, db: 2 }, { protocol: 2 }]);
