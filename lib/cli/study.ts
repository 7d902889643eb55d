/** `npm run study`: a whole study from the command line, as runs in a folder that are never done twice. */
import { suggestion, UserError } from '../errors';
import { runCommand } from './command';
import type { ProgressStream } from './progress-line';

/** What a test replaces. */
export interface StudyContext {
  readonly output?: ProgressStream;
  readonly progress?: ProgressStream;
}

interface StudyCommand {
  readonly about: string;
  load(): Promise<{ main(args: string[], context?: StudyContext): Promise<void> }>;
}

/** Loaded when chosen: a misspelt name needs no TensorFlow. */
const studies: Readonly<Record<string, StudyCommand>> = {
  medmnist2d: {
    about: 'ResNet-50 and Swin-B on twelve datasets: 480 runs, on this machine or on a Ray cluster',
    load: () => import('./study/medmnist2d'),
  },
  'dinov3-segmentation': {
    about: 'U-Net against frozen DINOv3 encoders: train, evaluate, visualize',
    load: () => import('./study/dinov3-segmentation'),
  },
  'dino-pretraining': {
    about: 'the project’s own weights: self-distillation on drawn images, without labels',
    load: () => import('./study/dino-pretraining'),
  },
};

const help = (): string => `npm run study -- NAME [OPTIONS]

${Object.entries(studies)
  .map(([name, { about }]) => `  ${name.padEnd(22)}${about}`)
  .join('\n')}

"npm run study -- NAME --help" shows a study's options.

Examples
  npm run study -- medmnist2d --profile tour --workers 2
  npm run study -- dinov3-segmentation evaluate`;

/** The command `npm run study`. Throws a UserError for a study that does not exist. */
export async function main(args: string[], context: StudyContext = {}): Promise<void> {
  const [name, ...rest] = args;
  if (name === '--help' || name === '-h') {
    (context.output ?? process.stdout).write(`${help()}\n`);
    return;
  }
  const names = Object.keys(studies);
  if (name === undefined) throw new UserError(`Which of ${names.join(', ')}? "npm run study -- --help" says more.`);
  if (!Object.hasOwn(studies, name)) {
    throw new UserError(`There is no study "${name}"${suggestion(name, names) || '.'} There are ${names.join(', ')}.`);
  }
  await (await studies[name].load()).main(rest, context);
}

if (require.main === module) runCommand(main);
