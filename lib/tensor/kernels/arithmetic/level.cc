// The arithmetic at one level: compiled again for each, with the flags of its instructions and NOTEBOOKS_LEVEL as the name of its table.
// All of it is in an unnamed namespace, and no inline function of a library is used: the linker keeps one copy of those for the whole
// addon, and if it kept the one with the newest instructions, the addon would end on every older processor.
#include "adam-w.h"
#include "attention.h"
#include "batch-norm.h"
#include "gelu.h"
#include "layer-norm.h"
#include "max-pool.h"
#include "residual.h"
#include "sgd.h"

namespace notebooks {

extern const Kernels NOTEBOOKS_LEVEL;

const Kernels NOTEBOOKS_LEVEL = {
    {LayerNorm<float>, BiasGelu<float>, BiasResidual<float>, Attention<float>},
    {LayerNorm<bfloat16>, BiasGelu<bfloat16>, BiasResidual<bfloat16>, Attention<bfloat16>},
    {LayerNormGrad<float>, BiasGeluGrad<float>, BiasResidualGrad<float>, AttentionGrad<float>},
    {ChannelAffine, BatchStatistics, Normalize, BatchNormGrad, MaxPool, MaxPoolGrad},
    {AdamW, Sgd},
};

}  // namespace notebooks
