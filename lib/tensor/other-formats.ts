/** Files that people take for a safetensors file, told by how they begin, each with the next step. */

interface OtherFormat {
  readonly begins: RegExp;
  /** What the file is, and what to do: the end of a sentence that begins with its path. */
  explain(path: string): string;
}

const convert = (path: string): string =>
  `convert it once with Python: python -c "import torch, safetensors.torch as s; s.save_file(torch.load('${path}', map_location='cpu', weights_only=True), 'model.safetensors')".`;

const others: readonly OtherFormat[] = [
  {
    begins: /^version https:\/\/git-lfs/,
    explain: () =>
      'is a Git LFS pointer, not the weights themselves: run "git lfs pull" in its repository, or download the file from its page.',
  },
  { begins: /^\x80[\x02-\x05]/, explain: (path) => `is a Python pickle, not safetensors: ${convert(path)}` },
  {
    begins: /^\s*<(?:!doctype|html|head|\?xml)/i,
    explain: () =>
      'is a web page, not weights: the address led to a page, or a log-in was needed; download the file itself.',
  },
  {
    begins: /^\x89HDF/,
    explain: () => 'is an HDF5 file (of Keras), not safetensors: its tensors have other names; export from PyTorch.',
  },
  { begins: /^\x1f\x8b/, explain: () => 'is compressed with gzip: unpack it first.' },
  {
    begins: /^\s*\{\s*"/,
    explain: () =>
      'is a JSON file, not weights: give the .safetensors file, or the index of a sharded one, whose name ends in .index.json.',
  },
];

/** How many of a file's first bytes are needed to tell what it is. */
export const bytesToTell = 64;

/** What a file is instead of safetensors, as a sentence; undefined where it may be safetensors, or nothing known. */
export function otherFormat(firstBytes: Uint8Array, path: string): string | undefined {
  const text = Buffer.from(firstBytes).toString('latin1');
  const found = others.find(({ begins }) => begins.test(text));
  return found && `${path} ${found.explain(path)}`;
}
