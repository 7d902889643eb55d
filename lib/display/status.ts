import { escapeHtml } from './html';
import type { Displayable } from './mime';

export type StatusKind = 'info' | 'success' | 'warning' | 'error' | 'processing';

const looks: Readonly<Record<StatusKind, { readonly icon: string; readonly name: string }>> = {
  info: { icon: 'ℹ', name: 'Note' },
  success: { icon: '✓', name: 'Done' },
  warning: { icon: '⚠', name: 'Warning' },
  error: { icon: '✕', name: 'Error' },
  processing: { icon: '⋯', name: 'In progress' },
};

/** A box with one message. Its kind is said by a word and an icon as well as by colour. */
export function status(message: string, { kind = 'info' }: { readonly kind?: StatusKind } = {}): Displayable {
  const { icon, name } = looks[kind];
  const role = kind === 'error' || kind === 'warning' ? 'alert' : 'status';
  const html =
    `<div class="nb-display nb-status nb-${kind}" role="${role}"><span class="nb-icon" aria-hidden="true">${icon}</span>` +
    `<p><strong>${name}.</strong> ${escapeHtml(message)}</p></div>`;
  return { html, text: `${name}: ${message}` };
}
