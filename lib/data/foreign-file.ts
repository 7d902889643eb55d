/** Files that people take for others, told by how they begin. */

/** What is often named like an image or an array and is none, with the next step; undefined where nothing is known. */
export function foreignKind(file: Buffer): string | undefined {
  if (file.length === 0) return 'empty';
  if (file.toString('latin1', 128, 132) === 'DICM')
    return 'DICOM: export it as PNG, with dcm2img or pydicom for example';
  const start = file.toString('latin1', 0, 64).toLowerCase();
  if (/^.{4}ftyp/s.test(start) && /hei[cxms]|hev[cx]/.test(start) && !start.includes('avif'))
    return 'HEIC: convert it to JPEG, with heif-convert for example';
  if (start.startsWith('version https://git-lfs')) return 'the pointer of a Git LFS file: run "git lfs pull"';
  if (/^\s*<(!doctype html|html)/.test(start)) return 'a web page: download the file again';
  if (start.startsWith('\x93numpy')) return 'a single array of NumPy: save all arrays in one file with numpy.savez';
  return undefined;
}
