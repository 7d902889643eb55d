/** A process that decodes masks. */
import { readMask, type MaskFile } from './mask-values';
import { serveTasks } from './thread-tasks';

serveTasks<string, MaskFile>(readMask, () => []);
