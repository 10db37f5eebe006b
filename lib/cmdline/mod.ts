/** QEMU's command line style: options, key=value text, JSON forms. */
export * from "./argv.ts";
export * from "./config_file.ts";
export * from "./errors.ts";
export * from "./help.ts";
export * from "./json_form.ts";
export * from "./keyval.ts";
export * from "./option_value.ts";
export * from "./options.ts";
export * from "./scalars.ts";
export { redacted, redactedWord } from "./redact.ts";
