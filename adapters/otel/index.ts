export { type InstrumentMeshOptions, instrumentMesh } from './instrument-mesh.js';
export { type FairleadMetricProducer, fairleadMetricProducer, type MetricProducerOptions } from './metric-producer.js';
