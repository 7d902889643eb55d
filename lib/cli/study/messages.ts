/** What a worker process and whoever has started it say to each other, be it through a pipe or through Ray. */
import { z } from 'zod';
import type { TrainingEvent } from '../../training/events';

/** The first line of a worker's standard input. Another line, `stop`, ends the run softly; the end of the input ends it at once. */
export const workerJobSchema = z.object({
  id: z.string(),
  configuration: z.custom<object>((value) => typeof value === 'object' && value !== null),
  /** What the run leaves goes there. Where the folder disappears, somebody else has the run. */
  directory: z.string(),
  /** Whether the folder goes with the process: what was in it has been sent elsewhere. */
  temporary: z.boolean().optional(),
  /** Further arguments of the training: where data and weights are. */
  context: z.looseObject({}),
});
export type WorkerJob = z.infer<typeof workerJobSchema>;

export const workerEventSchema = z.discriminatedUnion('event', [
  z.object({
    event: z.literal('progress'),
    progress: z.custom<TrainingEvent>((value) => typeof value === 'object' && value !== null && 'kind' in value),
  }),
  z.object({ event: z.literal('finished'), result: z.unknown() }),
  z.object({ event: z.literal('stopped') }),
  z.object({ event: z.literal('failed'), message: z.string() }),
]);
export type WorkerEvent = z.infer<typeof workerEventSchema>;

/** RFC 7464: a line that begins so is an event, any other is the log. */
const mark = '\u001e';

export function eventLine(event: WorkerEvent): string {
  return `${mark}${JSON.stringify(event)}\n`;
}

/** The event of a line; undefined for a line of the log. */
export function parseEventLine(line: string): WorkerEvent | undefined {
  if (!line.startsWith(mark)) return undefined;
  try {
    return workerEventSchema.safeParse(JSON.parse(line.slice(mark.length))).data;
  } catch {
    return undefined; // cut off: its process was killed
  }
}
