/**
 * The folder in which Python's huggingface_hub keeps what it has downloaded, so that nothing is downloaded twice:
 * `models--ORGANISATION--NAME/` with the contents in `blobs/` under their hash, the commit of each branch in `refs/`, and in
 * `snapshots/COMMIT/` relative links to the contents under their names.
 */
import { existsSync, readFileSync, readlinkSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { errorCode } from '../errors';
import { makeFolder, temporarySibling, writeFileAtomic } from '../files';

/** Variables of the process, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** One version of a file of a repository. */
export interface HubVersion {
  readonly repository: string;
  readonly file: string;
  /** 40 hexadecimal digits. */
  readonly commit: string;
  /** Name of the content: its SHA-256 for large files. */
  readonly etag: string;
}

const branch = 'main';

/** `HF_HUB_CACHE`, `HF_HOME/hub`, or `~/.cache/huggingface/hub`, as an absolute path. */
export function hubCacheFolder(environment: Environment): string {
  const home = environment.HF_HOME ?? join(environment.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'huggingface');
  const folder = environment.HF_HUB_CACHE ?? environment.HUGGINGFACE_HUB_CACHE ?? join(home, 'hub');
  return resolve(folder.replace(/^~(?=\/|$)/, homedir()));
}

/** Where a file of a repository is that the cache has, by the commit which the main branch had when it was last asked for. */
export function findInCache(cache: string, repository: string, file: string): string | undefined {
  const folder = repositoryFolder(cache, repository);
  let commit: string;
  try {
    commit = readFileSync(join(folder, 'refs', branch), 'utf8').trim();
  } catch {
    return undefined;
  }
  const path = join(folder, 'snapshots', commit, file);
  return commit !== '' && existsSync(path) ? path : undefined;
}

/** Where the content of a version belongs. */
export function blobPath(cache: string, { repository, etag }: HubVersion): string {
  return join(repositoryFolder(cache, repository), 'blobs', etag);
}

/**
 * Where the content of a cached file is: what its link leads to, in `blobs/`, or the file itself where there are no links. No further
 * than that, for newer versions of Python keep some contents in a folder that several caches share, under other hashes.
 */
export function contentPath(path: string): string {
  try {
    return resolve(dirname(path), readlinkSync(path));
  } catch {
    return path;
  }
}

/** The SHA-256 that a cached file's content is named after, or undefined where its name says nothing. */
export function hashInName(path: string): string | undefined {
  return asSha256(basename(contentPath(path)));
}

/** The text, if it is a SHA-256 in hexadecimal. */
export function asSha256(text: string): string | undefined {
  return /^[0-9a-f]{64}$/.test(text) ? text : undefined;
}

/** Gives a content that is complete its name in the snapshot, and notes the commit of the main branch. Resolves with the path. */
export function addToCache(cache: string, version: HubVersion): string {
  const folder = repositoryFolder(cache, version.repository);
  const path = join(folder, 'snapshots', version.commit, version.file);
  const blob = blobPath(cache, version);
  makeFolder(dirname(path));
  const link = temporarySibling(path);
  try {
    symlinkSync(relative(dirname(path), blob), link);
    renameSync(link, path);
  } catch (error) {
    rmSync(link, { force: true });
    if (!isWithoutLinks(error)) throw error;
    // As Python does where the file system has no links.
    renameSync(blob, path);
  }
  writeFileAtomic(join(folder, 'refs', branch), version.commit);
  return path;
}

function repositoryFolder(cache: string, repository: string): string {
  return join(cache, `models--${repository.replace(/\//g, '--')}`);
}

function isWithoutLinks(error: unknown): boolean {
  return ['EPERM', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL'].includes(errorCode(error) ?? '');
}
