import type { Rule } from "./rule.ts";
import { appendLogs } from "./rules/append_logs.ts";
import { stayDaemon } from "./rules/daemonize.ts";
import { emptiedFiles } from "./rules/emptied_files.ts";
import { keepGenerationId } from "./rules/generation_id.ts";
import { waitForState } from "./rules/wait_for_state.ts";
import { loadNoSnapshot } from "./rules/load_snapshot.ts";
import { pinMachineType } from "./rules/machine_type.ts";
import { allocateNothing } from "./rules/prealloc.ts";
import { keepIdentity } from "./rules/run_with.ts";
import { waitForNobody } from "./rules/server_wait.ts";
import { handOverTaps } from "./rules/tap.ts";

/** Every rule, in the order in which people read what they change. */
export const RULES: readonly Rule[] = [
  pinMachineType,
  keepGenerationId,
  stayDaemon,
  keepIdentity,
  allocateNothing,
  handOverTaps,
  appendLogs,
  waitForNobody,
  emptiedFiles,
  loadNoSnapshot,
  waitForState,
];
