import { VERSION } from "../version.ts";
import { commit } from "./commit.ts";
import { type Form, selfForm } from "./self.ts";

/** The output of `version --json`. */
export interface VersionInfo {
  readonly version: string;
  /** 40 hexadecimal digits, or with "-dirty"; null if not known. */
  readonly commit: string | null;
  readonly form: Form;
  readonly deno: string;
  /** The target triple: x86_64-unknown-linux-gnu. */
  readonly target: string;
}

/** The version of this cprctl. */
export async function versionInfo(): Promise<VersionInfo> {
  return {
    version: VERSION,
    commit: await commit(),
    form: selfForm(),
    deno: Deno.version.deno,
    target: Deno.build.target,
  };
}
