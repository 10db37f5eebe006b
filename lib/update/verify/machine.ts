/** Views of the machine: board, vCPUs, memory, network back ends. */

import { isObject, type Json, type JsonObject } from "../../qmp/mod.ts";
import { backEndsIn } from "../vm/info_network.ts";
import { asObject, objectsIn, text } from "../vm/reply.ts";
import { lasting, LastingNames, lastingText } from "./lasting.ts";
import { objectsOf, type View } from "./view.ts";

/**
 * Machine type, topology of the vCPUs, firmware, and what else it was given.
 */
export const machine: View = {
  kind: "Machine",
  from: ["machine", "accelerator"],
  of: ({ machine, accelerator }) => {
    const values = lasting(machine ?? null);
    if (!isObject(values)) return new Map();
    delete values["rtc-time"]; // the clock runs
    const kvm = asObject(accelerator)["enabled"] ?? null;
    return objectsOf([["", { ...values, kvm }]]);
  },
};

/** What the host could not offer, states of the guest, and other names. */
const NOT_SEEN = new Set([
  ...["filtered-features", "unavailable-features", "full-cpuid-auto-level"],
  ...["crash-information", "realized", "hotplugged", "hotpluggable"],
  ...["parent_bus", "type", "lbr_fmt"],
]);

/** vCPUs with their model, place, and every feature. */
export const vcpus: View = {
  kind: "vCPU",
  from: ["vcpus"],
  of: ({ vcpus }) =>
    objectsOf(
      objectsIn(vcpus).map((vcpu) => {
        const cpu = asObject(vcpu["cpu"]);
        const type = vcpu["qom-type"] ?? cpu["type"];
        return [String(vcpu["cpu-index"]), {
          // QEMU before 10.1 reports that only for the first.
          ...type === undefined ? {} : { type },
          "props": vcpu["props"] ?? null,
          // Without them, every feature would look like one that is not there.
          "has properties": vcpu["cpu"] !== undefined,
          ...featuresOf(cpu),
        }];
      }),
    ),
};

/** Features have several names, such as "sse4_1" and "sse4-1". */
function featuresOf(cpu: Partial<JsonObject>): JsonObject {
  const features: JsonObject = {};
  for (const [name, value] of Object.entries(cpu)) {
    if (value === undefined || NOT_SEEN.has(name)) continue;
    if (name === "feature-words") Object.assign(features, cpuidWords(value));
    else features[name.replaceAll("_", "-")] = value;
  }
  return features;
}

/**
 * Those with a bit set: which there are, and their order, differ by version.
 */
function cpuidWords(words: Json): JsonObject {
  return Object.fromEntries(
    objectsIn(words).filter(({ features }) => features !== 0).map((word) => {
      const { "cpuid-input-eax": eax, "cpuid-input-ecx": ecx } = word;
      const leaf = [eax, ecx ?? []].flat().join(".");
      return [`CPUID ${leaf} ${word["cpuid-register"]}`, word["features"] ?? 0];
    }),
  );
}

/** Memory backends. */
export const memoryBackends: View = {
  kind: "Memory backend",
  from: ["memoryBackends"],
  of: ({ memoryBackends }) =>
    objectsOf(
      objectsIn(memoryBackends).map((it) => [text(it["id"]) ?? "", it]),
    ),
};

/** DIMMs, NVDIMMs, virtio-mem and virtio-pmem, with their addresses. */
export const memoryDevices: View = {
  kind: "Memory device",
  from: ["memoryDevices"],
  of: ({ memoryDevices }) =>
    objectsOf(
      objectsIn(memoryDevices).map(({ type, data }, index) => {
        const { hotplugged: _, ...rest } = asObject(data);
        const name = text(rest["id"]) ?? `${text(type)} ${index}`;
        return [name, { ...rest, type: type ?? null } as Json];
      }),
    ),
};

/** Network back ends, with how many queues they have. */
export const backEnds: View = {
  kind: "Network back end",
  from: ["backEnds"],
  of: ({ backEnds }) => {
    const found = new Map<string, JsonObject>();
    const given = new LastingNames();
    const names = new Map<string, string>();
    for (const { name: made, facts } of backEndsIn(linesOf(backEnds))) {
      const name = names.getOrInsertComputed(
        made,
        () => given.give(lastingText(made)),
      );
      const queues = Number(found.get(name)?.["queues"] ?? 0) + 1;
      const { index: _, ...told } = Object.fromEntries(facts);
      found.set(name, { ...told, queues });
    }
    return objectsOf(found);
  },
};

function linesOf(reply: Json | undefined): string[] {
  return (text(reply) ?? "").split(/\r?\n/);
}
