/** The machine that the figures are of, and what else it does. */
export async function describeHost(): Promise<string> {
  const cpu = await Deno.readTextFile("/proc/cpuinfo");
  const model = /^model name\s*:\s*(.*)$/m.exec(cpu)?.[1] ?? Deno.build.arch;
  const load = Deno.loadavg().map((it) => it.toFixed(1)).join(" ");
  return `${navigator.hardwareConcurrency} cores of ${model}, ` +
    `Linux ${Deno.osRelease()}, Deno ${Deno.version.deno}, load ${load}`;
}
