/**
 * The completion scripts of shells. They ask cprctl for the words, so that an
 * installed script never becomes outdated.
 *
 * @module
 */

/** The supported shells. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** A supported shell. */
export type Shell = typeof SHELLS[number];

/** The internal subcommand that prints words and their meaning, with tabs. */
export const PROPOSE_WORD = "propose-words";

/** The scripts. */
export const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# cprctl in bash: source this file, or install it as
# /usr/share/bash-completion/completions/cprctl
_cprctl() {
  local word
  COMPREPLY=()
  while IFS=$'\\t' read -r word _; do
    printf -v word %q "$word"
    COMPREPLY+=("$word")
  done < <("\${COMP_WORDS[0]}" ${PROPOSE_WORD} "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _cprctl cprctl
`,
  zsh: `#compdef cprctl
# cprctl in zsh: install this as _cprctl in a folder of $fpath
_cprctl() {
  local word brief
  local -a found
  while IFS=$'\\t' read -r word brief; do
    found+=("\${word//:/\\\\:}:$brief")
  done < <("$words[1]" ${PROPOSE_WORD} "\${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( $#found )); then _describe cprctl found; else _files; fi
}
if [[ $funcstack[1] == _cprctl ]]; then _cprctl "$@"; else compdef _cprctl cprctl; fi
`,
  fish:
    `# cprctl in fish: install this as ~/.config/fish/completions/cprctl.fish
function __cprctl_words
    set -l typed (commandline -opc) (commandline -ct)
    set -l found ($typed[1] ${PROPOSE_WORD} $typed[2..] 2>/dev/null)
    if set -q found[1]
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c cprctl -f -a '(__cprctl_words)'
`,
};
