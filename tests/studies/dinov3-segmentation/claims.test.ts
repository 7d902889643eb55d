import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { claimRows } from '../../../lib/studies/dinov3-segmentation/claims';
import { judge, verdictText } from '../../../lib/workbench/claims';
import { crossingPoint, imagesToReach, signChange } from '../../../lib/metrics/learning-curves';
import { publishedCrossing, publishedEfficiency } from '../../../lib/studies/dinov3-segmentation/curves';
import type { Dinov3Run } from '../../../lib/studies/dinov3-segmentation/groups';
import { publishedClaims, publishedNetworks, publishedScore } from '../../../lib/studies/dinov3-segmentation/published';
import { createRandom } from '../../../lib/random';
import { readFixture } from '../../metrics/masks';
import { recordOf, type RunFacts } from './records';

const encoders = { unet: 'none', small: 'dinov3_vits16', base: 'dinov3_vitb16', large: 'dinov3_vitl16' } as const;

interface Fixture {
  images: number[];
  published: Record<string, number[]>;
  curves: { network: 'small' | 'base' | 'large'; crossing: number; needed: number }[];
}

const fixture = readFixture<Fixture>('paired_networks.json');

function assertClose(actual: number, expected: number, relative = 1e-12): void {
  assert.ok(Math.abs(actual / expected - 1) <= relative, `${actual}, expected ${expected}`);
}

/** Sixteen images around a mean, the same spread for all networks and a little of their own, so that differences are sure. */
function around(center: number, own: number): number[] {
  return Array.from({ length: 16 }, (_, image) => center + 0.02 * Math.sin(image) + 0.003 * Math.sin(own + 7 * image));
}

const seeds = [42, 43, 44];

/** Runs of three seeds, whose mean Dice by fraction is given. */
function runsWith(
  scores: Partial<Record<keyof typeof encoders, readonly number[]>>,
  facts: Partial<RunFacts> = {},
): Dinov3Run[] {
  const names = Object.keys(encoders) as (keyof typeof encoders)[];
  return names.flatMap((network, place) =>
    (scores[network] ?? [])
      .map((dice, index) =>
        seeds.map((seed) =>
          recordOf({
            encoder: encoders[network],
            fraction: [0.25, 0.5, 1][index],
            seed,
            dice: around(dice, 3 * place + index + 0.1 * seed),
            ...facts,
          }),
        ),
      )
      .flat(),
  );
}

function verdicts(runs: readonly Dinov3Run[], comparable = false): Map<string, string> {
  return new Map(claimRows(runs, { comparable }).map(({ claim, verdict }) => [claim, verdict]));
}

const ahead = 'Frozen DINOv3 is ahead at 25 %';
const behind = 'The U-Net is ahead at 100 %';
const fewWins = 'U-Net wins less than half of the images at 25 %';
const manyWins = 'U-Net wins more than half of the images at 100 %';
const cross = 'Up to some size DINOv3 is ahead, then the U-Net';
const seventh = 'DINOv3 needs a seventh of the U-Net’s images';
const declines = 'Base declines from 50 % to 100 %';
const hierarchy = 'Larger encoders are not better in order';
const hardCases = 'DINOv3 is more robust on hard cases';
const saves = 'Annotation costs are saved';

describe('a verdict', () => {
  const estimate = { mean: 0.02, low: 0.01, high: 0.03, draws: 3 };

  it('holds, fails or stays undecided by the side of the whole interval', () => {
    assert.equal(judge({ estimate, claimed: 'above' }).outcome, 'holds');
    assert.equal(judge({ estimate, claimed: 'below' }).outcome, 'fails');
    assert.equal(judge({ estimate, threshold: 0.05, claimed: 'below' }).outcome, 'holds');
    assert.deepEqual(judge({ estimate, threshold: 0.05, claimed: 'above' }), {
      outcome: 'fails',
      why: 'all of the interval is below 0.05',
    });
    for (const claimed of ['above', 'below'] as const) {
      for (const threshold of [0.01, 0.02, 0.03])
        assert.equal(judge({ estimate, threshold, claimed }).outcome, 'undecided', `${threshold}`);
    }
  });

  it('is not given of one seed, however far its interval is from the threshold', () => {
    const one = judge({ estimate: { ...estimate, draws: 1 }, claimed: 'above', unit: 'draw' });
    assert.deepEqual(one, { outcome: 'undecided', why: 'one draw: another may turn it round' });
  });

  it('speaks of the study only where the data are the study’s', () => {
    assert.equal(verdictText({ outcome: 'holds', within: true }, true), 'confirmed; its size fits too');
    assert.equal(verdictText({ outcome: 'holds', within: false }, true), 'confirmed; of another size');
    assert.equal(verdictText({ outcome: 'holds' }, true), 'confirmed');
    assert.equal(verdictText({ outcome: 'holds', within: true }, false), 'holds here');
    assert.equal(verdictText({ outcome: 'fails', within: false }, true), 'contradicted');
    assert.equal(verdictText({ outcome: 'fails' }, false), 'does not hold here');
    for (const comparable of [true, false]) {
      assert.equal(verdictText({ outcome: 'undecided', within: true }, comparable), 'cannot be told here');
      assert.equal(verdictText({ outcome: 'not tested' }, comparable), 'not tested');
    }
  });
});

describe('a change of sign', () => {
  const images = [100, 200, 400];
  const random = createRandom(3, 'sign');
  /** Three seeds × 40 images around a mean. */
  const around = (center: number) =>
    [0, 1, 2].map(() => Float64Array.from({ length: 40 }, () => random.normal(center, 0.05)));

  it('has an interval that covers it as often as it says', () => {
    let covered = 0;
    const studies = 200;
    for (let study = 0; study < studies; study++) {
      const shift = [0, 1, 2].map(() => random.normal(0, 0.01)); // of each seed, at all sizes
      const differences = [0.1, 0, -0.1].map((center) =>
        around(center).map((row, seed) => row.map((value) => value + shift[seed])),
      );
      const { low, high } = signChange(images, differences);
      if (low <= 200 && 200 <= high) covered++;
    }
    assert.ok(covered / studies > 0.92, `${covered} of ${studies}`);
  });

  it('is beyond the sizes where it was not met, and before them where it was behind from the start', () => {
    const [above, below] = [around(0.2), around(-0.2)];
    assert.deepEqual(
      { ...signChange(images, [above, above, above]), ends: [] },
      { at: Infinity, low: Infinity, high: Infinity, ends: [], seeds: 3 },
    );
    const behind = signChange(images, [below, below, above]);
    assert.deepEqual([behind.at, behind.low, behind.high], [100, 100, 100]);
    assert.ok(behind.ends[0].high < 0 && behind.ends[1].low > 0);
    const unsure = signChange(images, [above, above, around(0)]);
    assert.ok(unsure.low > 200 && unsure.high === Infinity);
  });
});

describe('learning curves', () => {
  it('of the study cross where numpy says, and need as many images', () => {
    const { images } = fixture;
    for (const network of publishedNetworks)
      assert.deepEqual(
        [0.25, 0.5, 1].map((fraction) => publishedScore(network, fraction)),
        fixture.published[network],
      );
    const unet = { images, scores: fixture.published.unet };
    for (const { network, crossing, needed } of fixture.curves) {
      const dice = fixture.published[network];
      assertClose(crossingPoint({ images, scores: dice }, unet.scores), crossing);
      assertClose(imagesToReach(unet, dice[0]), needed);
    }
    assertClose(publishedCrossing(), fixture.curves[1].crossing);
    assertClose(publishedEfficiency(), fixture.curves[1].needed / 648);
  });

  it('do not cross inside of the sizes where one is always ahead', () => {
    const images = [100, 200, 400];
    assert.equal(crossingPoint({ images, scores: [0.8, 0.8, 0.8] }, [0.7, 0.7, 0.7]), Infinity);
    assert.equal(crossingPoint({ images, scores: [0.7, 0.9, 0.9] }, [0.7, 0.8, 0.8]), 100);
    assertClose(crossingPoint({ images, scores: [0.8, 0.8, 0.8] }, [0.7, 0.8, 0.9]), 200);
    assertClose(crossingPoint({ images, scores: [0.8, 0.8, 0.8] }, [0.7, 0.75, 0.85]), 200 * Math.SQRT2);
    assert.equal(imagesToReach({ images, scores: [0.7, 0.8, 0.9] }, 0.95), Infinity);
    assert.equal(imagesToReach({ images, scores: [0.7, 0.8, 0.9] }, 0.6), 100);
  });

  it('of the study contradict two of its own numbers', () => {
    const [, most] = publishedClaims.crossingBetween;
    assert.ok(publishedCrossing() > most, 'the rule says 2000 images at the most');
    assert.ok(publishedEfficiency() < publishedClaims.dataEfficiency / 2);
    // As notebook 07 says at its beginning.
    assert.equal(Math.round(publishedCrossing() / 100), 21);
    assert.equal(publishedEfficiency().toFixed(1), '2.4');
  });
});

describe('the claims of the DINOv3 study', () => {
  it('have the published numbers, as differences of its own table', () => {
    assertClose(publishedScore('base', 0.25) - publishedScore('unet', 0.25), publishedClaims.advantageAtQuarter);
    assertClose(publishedScore('unet', 1) - publishedScore('base', 1), publishedClaims.deficitAtAll, 1e-9);
  });

  it('hold on scores like the published ones', () => {
    const found = verdicts(runsWith(fixture.published), true);
    assert.equal(found.get(ahead), 'confirmed; its size fits too');
    assert.equal(found.get(behind), 'confirmed; its size fits too');
    assert.equal(found.get(fewWins), 'confirmed; of another size'); // it wins none of these images
    assert.equal(found.get(manyWins), 'confirmed; of another size');
    assert.equal(found.get(cross), 'confirmed');
    assert.equal(found.get(seventh), 'contradicted');
    assert.equal(found.get(declines), 'confirmed; its size fits too');
    assert.equal(found.get(hierarchy), 'confirmed');
    assert.equal(found.get(hardCases), 'confirmed');
    assert.equal(found.get(saves), 'not tested');
  });

  it('fail where it is the other way round', () => {
    const found = verdicts(
      runsWith({ unet: [0.9, 0.88, 0.8], small: [0.7, 0.72, 0.81], base: [0.75, 0.8, 0.85], large: [0.8, 0.85, 0.9] }),
    );
    for (const claim of [ahead, behind, fewWins, manyWins, cross, declines, hierarchy, hardCases])
      assert.equal(found.get(claim), 'does not hold here', claim);
  });

  it('cannot be told from one seed, and the crossing has no interval then', () => {
    const runs = runsWith(fixture.published).filter(({ point }) => point.seed === 42);
    for (const { claim, verdict, why, interval } of claimRows(runs, { comparable: true })) {
      if (claim === saves) continue;
      assert.equal(verdict, 'cannot be told here', claim);
      assert.match(why, /^one seed: /);
      if (claim === ahead) assert.match(interval, / \(images only\)$/);
      if (claim === cross || claim === seventh) assert.equal(interval, '');
    }
  });

  it('are undecided where networks are alike', () => {
    const flat = [0.8, 0.8, 0.8];
    const runs = runsWith({ unet: flat, base: flat, large: flat }).map((run, index) => {
      const { encoder, fraction, seed } = run.point;
      return recordOf({ encoder, fraction, seed, dice: around(0.8, 3 * index) });
    });
    const found = verdicts(runs);
    for (const claim of [ahead, behind, fewWins, manyWins, cross, declines, hierarchy])
      assert.equal(found.get(claim), 'cannot be told here', claim);
  });

  it('cannot see a factor beyond the fractions that were run', () => {
    const runs = runsWith({ unet: [0.6, 0.65, 0.7], base: [0.9, 0.9, 0.9] });
    const row = claimRows(runs, { comparable: false }).find(({ claim }) => claim === seventh);
    assert.deepEqual([row?.ours, row?.verdict], ['> 4.0×', 'cannot be told here']);
    const crossing = claimRows(runs, { comparable: false }).find(({ claim }) => claim === cross);
    assert.deepEqual([crossing?.ours, crossing?.verdict], ['> 2594 images', 'does not hold here']);
  });

  it('are measured with another network where Base is missing, which is said', () => {
    const rows = claimRows(runsWith({ unet: [0.8], small: [0.85] }), { comparable: false });
    const of = (name: string) => rows.find(({ claim }) => claim === name);
    assert.equal(of(ahead)?.compared, 'DINOv3-S − U-Net');
    assert.equal(of(ahead)?.ours, '+0.050');
    for (const claim of [behind, manyWins, cross, seventh, declines, hierarchy])
      assert.equal(of(claim)?.verdict, 'not tested', claim);
  });

  it('have a difference to the published number only where it can be compared, and a row an arm', () => {
    const runs = [...runsWith(fixture.published, { arm: 'as-published' }), ...runsWith(fixture.published)];
    const comparable = claimRows(runs, { comparable: true });
    assert.deepEqual([...new Set(comparable.map(({ arm }) => arm))], ['as published', 'corrected']);
    assert.equal(comparable.length, 20);
    const [first] = comparable;
    assert.ok(Math.abs(first.difference) < 0.002);
    assert.ok(claimRows(runs, { comparable: false }).every(({ difference }) => Number.isNaN(difference)));
  });
});
