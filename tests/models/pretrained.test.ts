import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createBackbone } from '../../lib/models/backbone';
import { countParameters } from '../../lib/models/parameters';
import { architectureNames, findModel, findPretrained, pretrainedNames } from '../../lib/models/pretrained';
import { ownArchitectures } from '../../lib/models/pretrained-records';
import { userError } from '../data/user-error';

interface TimmConfig {
  hf_hub_id: string;
  license: string;
  mean: number[];
  std: number[];
  interpolation: string;
  crop_pct: number;
  input_size: [number, number, number];
  num_classes: number;
  classifier: string;
  parameters: number;
  tensors: number;
  names_sha256: string;
  width: number;
}

interface Fixture {
  tags: Record<string, TimmConfig>;
  first: Record<string, string>;
  torchvision: {
    url: string;
    parameters: number;
    classes: number;
    crop: [number];
    resize: [number];
    mean: number[];
    std: number[];
    interpolation: string;
  };
}

const fixture: Fixture = JSON.parse(readFileSync(join(__dirname, '../fixtures/timm_pretrained_cfgs.json'), 'utf8'));
const fromTorchvision = 'vit_b_16.IMAGENET1K_V1';

describe('the registry of weights', () => {
  it('has timm’s tags and torchvision’s ViT-B', () => {
    assert.deepEqual(
      pretrainedNames()
        .filter((name) => name !== fromTorchvision)
        .sort(),
      Object.keys(fixture.tags).sort(),
    );
    assert.ok(pretrainedNames().includes(fromTorchvision));
  });

  for (const [name, timm] of Object.entries(fixture.tags)) {
    it(`has timm’s configuration of ${name}`, () => {
      const record = findPretrained(name);
      assert.equal(record.name, name);
      assert.equal(record.architecture, name.split('.')[0]);
      assert.equal(record.hub, timm.hf_hub_id);
      assert.equal(record.url, `https://huggingface.co/timm/${name}/resolve/main/model.safetensors`);
      assert.equal(record.license, timm.license);
      assert.deepEqual([record.mean, record.std], [timm.mean, timm.std]);
      assert.equal(record.interpolation, timm.interpolation);
      assert.equal(record.cropFraction, timm.crop_pct);
      assert.deepEqual([3, record.inputSize, record.inputSize], timm.input_size);
      assert.equal(record.classes, timm.num_classes);
      assert.equal(record.parameters, timm.parameters);
    });

    it(`leads to a model with the tensors that timm has: ${name}`, () => {
      const { table, width, headName } = createBackbone(name, { classes: timm.num_classes });
      const lines = Object.entries(table).map(([key, { shape }]) => `${key} ${shape.join('x')}`);
      assert.equal(lines.length, timm.tensors);
      // Python sorts by name; a blank comes before every sign of a name.
      assert.equal(createHash('sha256').update(lines.sort().join('\n')).digest('hex'), timm.names_sha256);
      assert.equal(width, timm.width);
      assert.equal(countParameters({ table }), timm.parameters);
      assert.equal(headName, timm.classifier);
    });
  }

  it('has torchvision’s configuration of its ViT-B', () => {
    const record = findPretrained(fromTorchvision);
    const { torchvision } = fixture;
    assert.equal(record.hub, undefined);
    assert.equal(record.url, torchvision.url);
    assert.equal(record.architecture, 'vit_base_patch16_224');
    assert.deepEqual([record.mean, record.std], [torchvision.mean, torchvision.std]);
    assert.equal(record.interpolation, torchvision.interpolation);
    assert.equal(record.cropFraction, torchvision.crop[0] / torchvision.resize[0]);
    assert.equal(record.inputSize, torchvision.crop[0]);
    assert.equal(record.classes, torchvision.classes);
    assert.equal(record.parameters, torchvision.parameters);
  });

  it('says of every entry what it was trained on, what to cite and what its licence is', () => {
    for (const name of pretrainedNames()) {
      const { pretrainedOn, citation, license, sha256, notes } = findPretrained(name);
      assert.match(pretrainedOn, /^(ImageNet|LVD)-/);
      assert.match(citation, /arXiv:\d{4}\.\d{5}/);
      assert.ok(license.length > 0);
      assert.ok(sha256 === undefined || /^[0-9a-f]{64}$/.test(sha256));
      for (const note of notes) assert.match(note, /\.$/);
    }
  });

  it('says so where timm’s first tag of an architecture is another one', () => {
    assert.equal(fixture.first.swin_base_patch4_window7_224, 'ms_in22k_ft_in1k');
    assert.match(findPretrained('swin_base_patch4_window7_224.ms_in1k').notes.join(), /ms_in22k_ft_in1k/);
    assert.equal(fixture.first.resnet50, 'a1_in1k');
    assert.match(findPretrained('resnet50.a1_in1k').notes.join(), /without a tag/);
  });
});

describe('a name', () => {
  it('that is unknown is answered with the nearest one', () => {
    assert.throws(
      () => findPretrained('resnet18.tv_in1l'),
      userError(
        /^There is no model "resnet18\.tv_in1l", did you mean "resnet18\.tv_in1k"\? Known are resnet18\.tv_in1k, /,
      ),
    );
    assert.throws(() => findModel('resnet19'), userError(/did you mean "resnet18"\?/));
    assert.throws(() => findModel('toString'), userError(/^There is no model "toString"\. Known are /));
    assert.throws(() => findPretrained('toString'), userError(/^There is no model/));
  });

  it('without a tag names no weights, and the answer lists them', () => {
    assert.throws(
      () => findPretrained('resnet50'),
      userError(
        /^"resnet50" names an architecture, not its weights: choose resnet50\.tv_in1k or resnet50\.a1_in1k, or give a file/,
      ),
    );
  });

  it('without a tag is a model', () => {
    const own = Object.keys(ownArchitectures);
    assert.deepEqual(architectureNames().sort(), [...own, ...Object.keys(fixture.first)].sort());
    for (const name of architectureNames()) {
      const record = findModel(name);
      assert.equal(record.name, name);
      assert.equal(record.architecture, name);
      assert.ok(!('hub' in record) && !('license' in record) && !('citation' in record));
    }
    assert.deepEqual(findModel('vit_tiny_patch16_224').mean, [0.5, 0.5, 0.5]);
    const tagged = findModel('vit_tiny_patch16_224.augreg_in21k');
    assert.ok('citation' in tagged && tagged.classes === 21_843);
  });
});
