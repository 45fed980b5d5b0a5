// What ESLint looks for in the reader, its page and the scripts: `nox -s lint`.
import js from "@eslint/js";
import globals from "globals";

export default [
  { ignores: ["**/tfjs/**"] }, // built
  js.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser, ...globals.node, ...globals.serviceworker } },
    linterOptions: { reportUnusedDisableDirectives: "error" },
    rules: { complexity: ["error", 19], eqeqeq: "error", "no-var": "error", "prefer-const": "error" },
  },
];
