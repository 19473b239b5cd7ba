// @vitest-environment happy-dom
import { mount } from "@vue/test-utils"
import { expect, it } from "vitest"
import { defineComponent, h, ref } from "vue"
import Combobox from "./Combobox.vue"
import { groupsOf, nextIndex, optionsFor } from "./combobox.ts"
import type { ComboboxOption } from "./combobox.ts"

const OPTIONS: ComboboxOption[] = [
  { value: "auto", group: "Policies", detail: "all three weighed" },
  { value: "auto:code", group: "Policies", badges: [{ text: "loaded", tone: "ok" }] },
  { value: "qwen3-coder-30b", group: "Models", detail: "on box" },
  { value: "qwen3-8b", group: "Models" },
]

it("narrows by every word that was typed, in names and details", () => {
  const names = (typed: string) => optionsFor(OPTIONS, typed).shown.map(({ value }) => value)
  expect(names("")).toHaveLength(4)
  expect(names("QWEN 30")).toEqual(["qwen3-coder-30b"])
  expect(names("weighed")).toEqual(["auto"])
  expect(names("nothing")).toEqual([])
  const many = Array.from({ length: 130 }, (_, index) => ({ value: `m${index}` }))
  expect(optionsFor(many, "m")).toMatchObject({ left: 30 })
})

it("goes round its ends, and begins at the end it came from", () => {
  expect([nextIndex(-1, 1, 3), nextIndex(-1, -1, 3), nextIndex(2, 1, 3), nextIndex(0, -1, 3)]).toEqual([
    0, 2, 0, 2,
  ])
  expect(nextIndex(-1, 1, 0)).toBe(-1)
  expect(groupsOf(OPTIONS).map(({ name, options }) => [name, options.map(({ index }) => index)])).toEqual([
    ["Policies", [0, 1]],
    ["Models", [2, 3]],
  ])
})

/** In a form of its own, as a page has it. */
function shown(first = "auto") {
  const chosen = ref(first)
  const escaped: KeyboardEvent[] = []
  const page = defineComponent({
    setup: () => () =>
      h(
        "div",
        { onKeydown: (event: KeyboardEvent) => void (event.key === "Escape" && escaped.push(event)) },
        [
          h(Combobox, {
            options: OPTIONS,
            label: "Model",
            modelValue: chosen.value,
            "onUpdate:modelValue": (value: string) => void (chosen.value = value),
          }),
        ],
      ),
  })
  const wrapper = mount(page, { attachTo: document.body })
  const input = wrapper.get<HTMLInputElement>('[role="combobox"]')
  const active = () => {
    const id = input.attributes("aria-activedescendant")
    return id === undefined ? null : wrapper.get(`[id="${id}"]`).text()
  }
  return {
    ...{ chosen, escaped, wrapper, input, active },
    isOpen: () => input.attributes("aria-expanded") === "true",
    press: (key: string) => input.trigger("keydown", { key }),
  }
}

it("is used with the keyboard alone: type, arrows, Enter", async () => {
  const { chosen, input, press, active, isOpen, wrapper } = shown()
  expect(isOpen()).toBe(false)
  await press("ArrowDown")
  // Opened where it stands, and not narrowed by what is in the field.
  expect([isOpen(), active(), wrapper.findAll('[role="option"]').length]).toEqual([
    true,
    "autoall three weighed",
    4,
  ])
  await press("ArrowDown")
  expect(active()).toBe("auto:codeloaded")
  await input.setValue("qwen")
  expect([active(), wrapper.findAll('[role="option"]').length]).toEqual([null, 2])
  await press("ArrowUp")
  expect(active()).toBe("qwen3-8b")
  await press("ArrowUp")
  await press("Enter")
  expect([chosen.value, input.element.value, isOpen()]).toEqual(["qwen3-coder-30b", "qwen3-coder-30b", false])
})

it("leaves everything as it was on Escape, and keeps that key to itself only while it is open", async () => {
  const { chosen, escaped, input, press, isOpen } = shown()
  await input.setValue("qwen")
  await press("Escape")
  expect([chosen.value, input.element.value, isOpen(), escaped.length]).toEqual(["auto", "auto", false, 0])
  await press("Escape")
  expect(escaped).toHaveLength(1)
})

it("takes a name that is not in the list as it is typed, on Enter and when it is left", async () => {
  const { chosen, input, press, wrapper } = shown()
  await input.setValue("box/unknown ")
  expect(wrapper.text()).toContain("Nothing of that name is known")
  await press("Enter")
  expect(chosen.value).toBe("box/unknown")
  await input.setValue("other")
  await input.trigger("blur")
  expect(chosen.value).toBe("other")
})

it("is used with the mouse, and says what it is", async () => {
  const { chosen, input, wrapper, isOpen } = shown()
  await input.trigger("click")
  const list = wrapper.get('[role="listbox"]')
  expect([input.attributes("aria-controls"), list.attributes("aria-label")]).toEqual([
    list.attributes("id"),
    "Model",
  ])
  expect(wrapper.findAll('[role="group"]').map((group) => group.attributes("aria-label"))).toEqual([
    "Policies",
    "Models",
  ])
  expect(wrapper.findAll('[aria-selected="true"]').map((one) => one.text())).toEqual([
    "autoall three weighed",
  ])
  await wrapper.findAll('[role="option"]')[3]?.trigger("click")
  expect([chosen.value, isOpen()]).toEqual(["qwen3-8b", false])
})
