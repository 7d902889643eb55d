import { gridConfigurations, gridRunId, type GridOptions } from '../../lib/studies/medmnist2d/grid';
import type { GridRunClaim } from '../../lib/studies/medmnist2d/run';

/** A run that takes a second or two: the small ResNet on drawn images, five epochs by default. */
export function syntheticRun(directory: string, options: GridOptions = {}): GridRunClaim {
  const [configuration] = gridConfigurations({
    datasets: ['synthetic-binary'],
    networks: ['resnet_tour'],
    optimizers: ['sgd'],
    seeds: [0],
    ...options,
    schedule: { epochs: 5, batchSize: 32, ...options.schedule },
  });
  return { id: gridRunId(configuration), configuration, directory };
}
