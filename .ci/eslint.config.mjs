// npm install --no-save eslint @eslint/js globals prettier
// npx eslint --config .ci/eslint.config.mjs chollet_cnn/page tests/page
// npx prettier --config .ci/.prettierrc.json --check "chollet_cnn/page/**/*.js" "tests/page/*.mjs"
// node --test tests/page/explorer.test.mjs
import js from "@eslint/js";
import globals from "globals";

export default [
  js.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser, ...globals.worker } },
    rules: { eqeqeq: "error", "prefer-const": "error" },
  },
];
