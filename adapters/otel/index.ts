export { type InstrumentMeshOptions, instrumentMesh } from './instrument-mesh.js';
