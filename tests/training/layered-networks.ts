/** Networks of all families with their layers, for what depends on names and layers alone. Not a test. */
import { convnextConfigs, convnextParameters } from '../../lib/models/convnext';
import { resnetConfigs, resnetParameters } from '../../lib/models/resnet';
import { swinConfigs, swinParameters } from '../../lib/models/swin';
import { vitConfigs, vitParameters } from '../../lib/models/vit';
import type { ParameterTable } from '../../lib/models/parameters';
import { convnextLayerOf, resnetLayerOf, swinLayerOf, vitLayerOf } from '../../lib/models/layers';
import type { LayerOf } from '../../lib/models/network';

const classes = 8;
const vit = vitConfigs.vit_tiny_patch16_224;
const dino = vitConfigs.vit_small_patch14_dinov2;
const swin = swinConfigs.swin_base_patch4_window7_224;
const convnext = convnextConfigs.convnext_tiny;
const { resnet18, resnet50 } = resnetConfigs;
export const layeredNetworks: Record<string, { table: ParameterTable; layerOf: LayerOf }> = {
  vit_tiny_patch16_224: { table: vitParameters(vit, { classes }), layerOf: vitLayerOf(vit) },
  vit_small_patch14_dinov2: { table: vitParameters(dino, { classes }), layerOf: vitLayerOf(dino) },
  swin_base_patch4_window7_224: { table: swinParameters(swin, { classes }), layerOf: swinLayerOf(swin) },
  convnext_tiny: { table: convnextParameters(convnext, { classes }), layerOf: convnextLayerOf(convnext) },
  resnet18: { table: resnetParameters(resnet18, { classes }), layerOf: resnetLayerOf(resnet18) },
  resnet50: { table: resnetParameters(resnet50, { classes }), layerOf: resnetLayerOf(resnet50) },
};
