/* eslint-disable */
const root = process.env.TREE!; 
const { networkCases } = require(root + '/lib/cli/bench/networks');
(async () => {
  const out: any = {};
  for (const name of process.argv.slice(2)) {
    const c = networkCases.find((x: any) => x.name === name);
    const size = { images: Math.min(c.size.images, name.startsWith('resnet') ? 128 : 4), pixels: c.size.pixels };
    const w = await c.prepare(size);
    await w.run();
    let best = Infinity;
    for (let i = 0; i < 4; i++) { const c0 = process.cpuUsage(); await w.run(); const d = process.cpuUsage(c0); best = Math.min(best, (d.user + d.system) / 1000); }
    await w.dispose(); out[name] = Math.round(best * 10) / 10;
  }
  console.log(JSON.stringify(out));
})();
