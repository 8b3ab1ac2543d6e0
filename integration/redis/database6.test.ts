import { databases } from './database.js';

databases('6');
