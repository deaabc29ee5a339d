// npm install --no-save eslint @eslint/js globals prettier
// npx eslint chollet_cnn/page && npx prettier --check "chollet_cnn/page/**/*.js"
import js from "@eslint/js";
import globals from "globals";

export default [
  js.configs.recommended,
  {
    languageOptions: { globals: { ...globals.browser, ...globals.worker } },
    rules: { eqeqeq: "error", "prefer-const": "error" },
  },
];
