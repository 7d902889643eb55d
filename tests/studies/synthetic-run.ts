import { gridConfigurations, gridRunId, type GridOptions } from './grid-of';
import type { GridRunClaim } from '../../lib/studies/medmnist2d/run';

/** A run that takes a second or two: the small ResNet on drawn images, five epochs by default. */
export function syntheticRun(directory: string, options: GridOptions = {}): GridRunClaim {
  const [configuration] = gridConfigurations({
    datasets: ['synthetic-binary'],
    networks: ['resnet_tour'],
    optimizers: ['sgd'],
    seeds: [0],
    epochs: 5,
    batchSize: 32,
    ...options,
  });
  return { id: gridRunId(configuration), configuration, directory };
}
