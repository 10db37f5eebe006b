import { Sink } from "../../stream/mod.ts";
import { saveState, type VmState } from "../../vmstate/mod.ts";
import { configurationBody, configurationState } from "./configuration.ts";
import type { DecodedStream } from "./decoded.ts";
import { PLAIN_RAM_LAYOUT } from "./ram_block.ts";
import { bodySize, type VmsdDescription } from "./vmdesc.ts";

/**
 * How the vmdesc of a stream differs from the machine that was loaded: by other
 * names, or another order. Sections, versions and sizes were already compared
 * while the stream was decoded.
 *
 * @param states of the devices, in stream order
 */
export function vmdescProblem(
  { vmdesc, configuration }: DecodedStream,
  states: readonly VmState<object>[],
): string | undefined {
  if (vmdesc === undefined) return "there is none";
  const { description } = vmdesc;
  const { pageSize, devices } = description;
  if (pageSize !== PLAIN_RAM_LAYOUT.pageSize) return `page size ${pageSize}`;
  if (configuration === undefined || description.configuration === undefined) {
    return "it has no configuration";
  }
  const sink = new Sink();
  saveState(configurationState, configurationBody(configuration), sink);
  const size = bodySize(description.configuration);
  const inConfiguration =
    difference(description.configuration, configurationState) ??
      (size === sink.offset ? undefined : `${size} bytes, not ${sink.offset}`);
  if (inConfiguration !== undefined) {
    return `configuration: ${inConfiguration}`;
  }
  for (const [index, { name, instanceId, vmsd }] of devices.entries()) {
    const state = states[index];
    const problem = vmsd === undefined || state === undefined
      ? "it is not described"
      : difference(vmsd, state);
    if (problem !== undefined) {
      return `section "${name}" instance ${instanceId}: ${problem}`;
    }
  }
  return undefined;
}

/** Compares names at the top level; of nested structs only the size. */
function difference(
  vmsd: VmsdDescription,
  state: VmState<object>,
): string | undefined {
  if (vmsd.name !== state.name) return `it is named "${vmsd.name}"`;
  const names = state.fields.map(({ name }) => name);
  let next = 0;
  for (const { name } of vmsd.fields) {
    const found = names.indexOf(name, next);
    if (found < 0) return `field "${name}" has no place there`;
    next = found;
  }
  for (const sub of vmsd.subsections) {
    const known = state.subsections.find(({ state }) =>
      state.name === sub.name
    );
    if (known === undefined) return `subsection "${sub.name}" is not known`;
    const problem = difference(sub, known.state);
    if (problem !== undefined) return `subsection "${sub.name}": ${problem}`;
  }
  return undefined;
}
