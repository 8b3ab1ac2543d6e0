import fc from 'fast-check';

/**
 * The same cases in every run, so that a red test is red for everybody. Look for new ones with
 * another seed: `FC_SEED=$RANDOM npm run test:unit`.
 */
fc.configureGlobal({ seed: Number(process.env.FC_SEED ?? 20_261_122) });
