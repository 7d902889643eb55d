/** A thread that cuts windows out of images and resizes them. */
import { resizeCrops, type ResizedCropTask } from './resized-crop';
import { ownedCopy, serveTasks } from './thread-tasks';

serveTasks(
  (task: ResizedCropTask) => ownedCopy(resizeCrops(task)),
  (bytes) => [bytes],
);
