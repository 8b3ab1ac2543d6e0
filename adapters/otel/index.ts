export { type InstrumentMeshOptions, instrumentMesh } from './instrument-mesh.js';
export { type FairleadMetricProducer, fairleadMetricProducer, type MetricProducerOptions } from './metric-producer.js';
export { type TraceMeshOptions, traceMesh } from './trace-mesh.js';
