import { VERSION } from "../version.ts";
import { commit } from "./commit.ts";
import { type Form, selfForm } from "./self.ts";

/** What `version --json` prints. */
export interface VersionInfo {
  readonly version: string;
  /** 40 hexadecimal digits, or these and "-dirty"; null where nothing tells. */
  readonly commit: string | null;
  readonly form: Form;
  readonly deno: string;
  /** As compilers name it: x86_64-unknown-linux-gnu. */
  readonly target: string;
}

/** Which cprctl this is. */
export async function versionInfo(): Promise<VersionInfo> {
  return {
    version: VERSION,
    commit: await commit(),
    form: selfForm(),
    deno: Deno.version.deno,
    target: Deno.build.target,
  };
}
