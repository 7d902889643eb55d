import { variableOf, type Parameters } from '../../models/parameters';
import { tf, type Tensor } from '../../tf';
import { withStep, type Optimizer } from '../optimizers';
import type { Schedule } from '../schedules';

/**
 * Moves the teacher's values towards the student's: momentum · teacher + (1 − momentum) · student (He et al., MoCo, CVPR 2020; Caron et
 * al. 2021). What only the student has is left out.
 */
export function moveTeacher(teacher: Parameters, student: Parameters, momentum: number): void {
  tf.tidy(() => {
    for (const [name, variable] of teacher.variables) {
      const value = variable.read();
      const towards = variableOf(student, name)
        .read()
        .sub(value)
        .mul(1 - momentum);
      variable.assign(value.add(towards));
    }
  });
}

export interface TeacherOptions {
  readonly teacher: Parameters;
  readonly student: Parameters;
  /** By step counted from 0. */
  readonly momentum: Schedule;
  /** Names whose gradients count for nothing in the first so many steps: DINO's last layer in its first epoch. */
  readonly frozen: (name: string) => boolean;
  readonly frozenSteps: number;
}

/** An optimizer of the student after whose steps the teacher follows. */
export function withTeacher(optimizer: Optimizer, options: TeacherOptions): Optimizer {
  const { teacher, student, momentum, frozen, frozenSteps } = options;
  return withStep(optimizer, (gradients, learningRate) => {
    const step = optimizer.steps;
    tf.tidy(() => {
      const used = step < frozenSteps ? withZeros(gradients, frozen) : gradients;
      optimizer.step(used, learningRate);
    });
    moveTeacher(teacher, student, momentum(step));
  });
}

function withZeros(gradients: ReadonlyMap<string, Tensor>, frozen: (name: string) => boolean): Map<string, Tensor> {
  return new Map([...gradients].map(([name, gradient]) => [name, frozen(name) ? tf.zerosLike(gradient) : gradient]));
}
