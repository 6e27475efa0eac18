import js from "@eslint/js";
import prettier from "eslint-config-prettier";
import { defineConfig, globalIgnores } from "eslint/config";
import tseslint from "typescript-eslint";

const ASSEMBLYSCRIPT = [
  "assembly/**/*.ts",
  "shims/**/*.ts",
  "test/unit/**/*.ts",
  "test/**/modules/*.ts",
  "bench/**/modules/*.ts",
];

const unusedVars = [
  "error",
  {
    argsIgnorePattern: "^_",
    varsIgnorePattern: "^_",
    caughtErrorsIgnorePattern: "^_",
    destructuredArrayIgnorePattern: "^_",
  },
];

export default defineConfig(
  globalIgnores(["build/"]),
  { linterOptions: { reportUnusedDisableDirectives: "error" } },
  js.configs.recommended,
  {
    rules: {
      eqeqeq: "error",
      "no-console": "off",
      "prefer-const": "error",
    },
  },
  {
    files: ["**/*.js", "**/*.mjs"],
    languageOptions: {
      globals: { process: "readonly", console: "readonly", WebAssembly: "readonly", URL: "readonly" },
    },
  },
  {
    files: ["**/*.ts"],
    ignores: ASSEMBLYSCRIPT,
    extends: [tseslint.configs.strictTypeChecked, tseslint.configs.stylisticTypeChecked],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      "@typescript-eslint/no-unused-vars": unusedVars,
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/explicit-module-boundary-types": "error",
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      // `process.env["X"]`: tsc's noPropertyAccessFromIndexSignature asks for the brackets.
      "@typescript-eslint/dot-notation": ["error", { allowIndexSignaturePropertyAccess: true }],
      // node:test's describe and it return promises that nobody is to await.
      "@typescript-eslint/no-floating-promises": [
        "error",
        { allowForKnownSafeCalls: [{ from: "package", package: "node:test", name: ["describe", "it", "test"] }] },
      ],
    },
  },
  {
    // A test knows what it put into an array; a wrong `!` there fails the test. What it measures it says by `t.diagnostic`.
    files: ["test/**/*.ts"],
    rules: { "@typescript-eslint/no-non-null-assertion": "off", "no-console": "error" },
  },
  {
    // AssemblyScript: TypeScript's syntax with decorators on functions and types of its own, so no rule that needs types.
    files: ASSEMBLYSCRIPT,
    extends: [tseslint.configs.strict],
    languageOptions: {
      parser: tseslint.parser,
      parserOptions: { allowInvalidAST: true, projectService: false, project: null },
    },
    rules: {
      "@typescript-eslint/no-unused-vars": unusedVars,
      "@typescript-eslint/ban-ts-comment": "off",
      // The compiler knows `==` only; `===` is the same to it.
      eqeqeq: "off",
      // Types that AssemblyScript brings (u32, usize) are unknown here; the compiler checks names.
      "no-undef": "off",
      // Integers have 64 bits here.
      "no-loss-of-precision": "off",
      "no-restricted-syntax": [
        "error",
        {
          // Of `<u64>(<u32>load<i32>(pointer))` the optimizer makes i64.load32_s: the sign is extended all the same.
          selector:
            "TSTypeAssertion[typeAnnotation.typeName.name='u64'] > TSTypeAssertion[typeAnnotation.typeName.name='u32']",
          message: "The compiler may lose the inner cast: write <u64>value & 0xffffffff.",
        },
      ],
      // A callback that the proxy demands may have nothing to do.
      "@typescript-eslint/no-empty-function": "off",
      // `!` on a nullable that was checked through a field: AssemblyScript narrows locals only.
      "@typescript-eslint/no-non-null-assertion": "off",
    },
  },
  prettier,
);
