/** Memory and time of a run before anything is loaded. */
export { deviceOfBackend, DEVICES, thisMachine, type Device } from './devices.js';
export { BYTES_PER_TOKEN, estimateLength, type PairLength } from './lengths.js';
export { readModelShape, modelShapeOf, type ModelShape } from './model-shape.js';
export { planConfig } from './plan-config.js';
export { planRun, type Checkpointing, type MemoryPlan, type Plan, type PlanInput } from './plan-run.js';
