// What try-it.js needs of TensorFlow.js, on the processor: a third of the whole.
import '@tensorflow/tfjs-backend-cpu/dist/base.js';
import { registerKernel } from '@tensorflow/tfjs-core/dist/kernel_registry.js';
import { addConfig } from '@tensorflow/tfjs-backend-cpu/dist/kernels/Add.js';
import { batchMatMulConfig } from '@tensorflow/tfjs-backend-cpu/dist/kernels/BatchMatMul.js';
import { castConfig } from '@tensorflow/tfjs-backend-cpu/dist/kernels/Cast.js';
import { concatConfig } from '@tensorflow/tfjs-backend-cpu/dist/kernels/Concat.js';
import { conv2DConfig } from '@tensorflow/tfjs-backend-cpu/dist/kernels/Conv2D.js';
import { erfConfig } from '@tensorflow/tfjs-backend-cpu/dist/kernels/Erf.js';
import { identityConfig } from '@tensorflow/tfjs-backend-cpu/dist/kernels/Identity.js';
import { maxPoolConfig } from '@tensorflow/tfjs-backend-cpu/dist/kernels/MaxPool.js';
import { meanConfig } from '@tensorflow/tfjs-backend-cpu/dist/kernels/Mean.js';
import { multiplyConfig } from '@tensorflow/tfjs-backend-cpu/dist/kernels/Multiply.js';
import { negConfig } from '@tensorflow/tfjs-backend-cpu/dist/kernels/Neg.js';
import { realDivConfig } from '@tensorflow/tfjs-backend-cpu/dist/kernels/RealDiv.js';
import { reluConfig } from '@tensorflow/tfjs-backend-cpu/dist/kernels/Relu.js';
import { reshapeConfig } from '@tensorflow/tfjs-backend-cpu/dist/kernels/Reshape.js';
import { sliceConfig } from '@tensorflow/tfjs-backend-cpu/dist/kernels/Slice.js';
import { softmaxConfig } from '@tensorflow/tfjs-backend-cpu/dist/kernels/Softmax.js';
import { splitVConfig } from '@tensorflow/tfjs-backend-cpu/dist/kernels/SplitV.js';
import { sqrtConfig } from '@tensorflow/tfjs-backend-cpu/dist/kernels/Sqrt.js';
import { squareConfig } from '@tensorflow/tfjs-backend-cpu/dist/kernels/Square.js';
import { subConfig } from '@tensorflow/tfjs-backend-cpu/dist/kernels/Sub.js';
import { sumConfig } from '@tensorflow/tfjs-backend-cpu/dist/kernels/Sum.js';
import { transposeConfig } from '@tensorflow/tfjs-backend-cpu/dist/kernels/Transpose.js';

const kernels = [
  ...[addConfig, batchMatMulConfig, castConfig, concatConfig, conv2DConfig, erfConfig, identityConfig, maxPoolConfig],
  ...[meanConfig, multiplyConfig, negConfig, realDivConfig, reluConfig, reshapeConfig, sliceConfig, softmaxConfig],
  ...[splitVConfig, sqrtConfig, squareConfig, subConfig, sumConfig, transposeConfig],
];
kernels.forEach(registerKernel);

export {
  add,
  concat,
  conv2d,
  div,
  erf,
  matMul,
  maxPool,
  mean,
  moments,
  mul,
  neg,
  ready,
  relu,
  reshape,
  slice,
  softmax,
  split,
  sqrt,
  squeeze,
  sub,
  tensor,
  tidy,
  transpose,
  zeros,
} from '@tensorflow/tfjs-core';
