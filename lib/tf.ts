/** The one file that loads TensorFlow. Everything else imports `tf` from here, so that there is one copy with one environment. */
import './environment';
import { withoutNativeLog } from './native-log';
import type * as Tensorflow from '@tensorflow/tfjs-node-gpu';

// eslint-disable-next-line @typescript-eslint/no-require-imports -- an import statement would be evaluated outside `withoutNativeLog`
export const tf: typeof Tensorflow = withoutNativeLog(() => require('@tensorflow/tfjs-node-gpu') as typeof Tensorflow);
export type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D, TensorInfo } from '@tensorflow/tfjs-core';
