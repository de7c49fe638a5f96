import type { CustomLoss } from '../../../src/objectives/index.js';

const exponential: CustomLoss = ({ policy, virtual, beta }) =>
  Math.exp(-beta * (policy.chosen - virtual.chosen - (policy.rejected - virtual.rejected)));

export default exponential;
