import { basename } from 'node:path';

import type { DownloadEvent } from '../data/download-progress';
import { formatBytes } from '../data/download-errors';
import type { ProgressLine } from './progress-line';

/** Tells of a download: progress in one line that is replaced, everything else in lines that stay. */
export function showDownload(event: DownloadEvent, title: string, line: ProgressLine): void {
  switch (event.kind) {
    case 'wait':
      return line.print(`${title}: process ${event.pid ?? '(unknown)'} is downloading it; waiting for that.`);
    case 'start':
    case 'progress':
      return line.update(progressText(event, title));
    case 'retry':
      return line.print(`${title}: ${event.reason}; again in ${(event.delayMilliseconds / 1000).toFixed(1)} s.`);
    case 'verify':
      return line.update(`${title}: comparing the checksum of ${formatBytes(event.received)}`);
    case 'done':
      return line.print(`${title}: ${formatBytes(event.received)}, ${basename(event.path)} is complete.`);
  }
}

/** `BloodMNIST 28×28  42 %  14.9 of 35.5 MB  3.1 MB/s  7 s left` */
function progressText({ received, total, bytesPerSecond }: DownloadEvent, title: string): string {
  const speed = bytesPerSecond > 0 ? [`${formatBytes(bytesPerSecond)}/s`] : [];
  if (total === undefined || total === 0) return [title, formatBytes(received), ...speed].join('  ');
  const left = bytesPerSecond > 0 ? [`${Math.ceil((total - received) / bytesPerSecond)} s left`] : [];
  const share = `${Math.floor((100 * received) / total)} %`;
  return [title, share, `${formatBytes(received)} of ${formatBytes(total)}`, ...speed, ...left].join('  ');
}
