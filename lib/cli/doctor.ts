/** What `npm run doctor` asks the packages themselves, in a process of its own, since it may die of it: facts as one line of JSON. */
import { findChromium } from './chromium';
import { runCommand } from './command';
import { hubCacheFolder } from '../models/hub-cache';
import { environment } from '../system';
import { kernelLevel } from '../tensor/native';
import { tf, type Tensor4D } from '../tf';

/** Precedes the facts: oneDNN prints what it is to the same place. */
const factsMark = 'facts: ';

export function main(): Promise<void> {
  // A product and a convolution, at which oneDNN tells its version and the instructions that it uses.
  tf.tidy(() => {
    const [images, filters]: Tensor4D[] = [tf.ones([1, 8, 8, 8]), tf.ones([3, 3, 8, 8])];
    tf.conv2d(images, filters, 1, 'same').dataSync();
    tf.matMul(tf.ones([64, 64]), tf.ones([64, 64])).dataSync();
  });
  const { tensorflow, tfjs, device } = environment();
  const facts = {
    tensorflow,
    tfjs,
    device,
    kernelLevel,
    chromium: chromium(),
    hubCache: hubCacheFolder(process.env),
  };
  console.log(`${factsMark}${JSON.stringify(facts)}`);
  return Promise.resolve();
}

function chromium(): string | undefined {
  try {
    return findChromium();
  } catch (error) {
    return error instanceof Error ? error.message : undefined;
  }
}

if (require.main === module) runCommand(main);
