/** What the page says, in English and Chinese. */

const TEXTS = {
  en: {
    picture: "Picture",
    choose: "Choose a picture",
    sample: "Sample",
    find: "Find lines",
    whole: "Whole picture",
    add: "Add a box",
    draw: "Draw with a finger",
    hint: "Drop or paste a screenshot anywhere. Drag on the picture to mark a line. A box moves with the arrow keys, grows with Shift, goes with Delete.",
    lines: "Lines",
    copy: "Copy all",
    save: "Save as training data",
    saveTitle: "Lines that you corrected or ticked, as a dataset for 'linelet train --data'",
    details: "Reader and speed",
    backend: "Runs on",
    grammar: "Only what the recipe can say",
    grammarTitle: "Of the texts that the recipe's forms and phrases can make, the most probable one",
    privacy: "Pictures stay on this device: the page sends nothing anywhere.",
    loading: "Loading the reader …",
    reading: (n) => `Reading ${n} lines …`,
    done: (n, ms) => `${n} lines read in ${ms} ms.`,
    nothing: "No line found. Drag a box around one.",
    copied: "Copied.",
    saved: (n) => `${n} lines saved. Unzip the file and give the folder to 'linelet train --data'.`,
    noneToSave: "Correct a line, or tick one that is right, to save it.",
    unknown: (characters) => `The reader does not know ${characters}; such a line cannot be training data.`,
    lineLabel: (i) => `Text of line ${i}`,
    boxLabel: (i, text) => `Line ${i}: ${text || "nothing read"}`,
    look: "Input",
    lookLabel: (i) => `Show what the network saw of line ${i}`,
    inputLabel: (text) => `The network's input for ${text}`,
    remove: "Remove",
    removeLabel: (i) => `Remove line ${i}`,
    keep: "right, keep for training",
    uncertain: (list) => `Uncertain: ${list}`,
    figures: (confidence, ms) => `${confidence} % · ${ms} ms`,
    pictureLabel: (width, height) => `The picture, ${width} by ${height} pixels`,
    facts: { name: "Reader", network: "Network", characters: "Characters", backend: "Backend", started: "Ready after", failed: "Not usable" },
    automatic: "automatic",
    other: "中文",
  },
  zh: {
    picture: "图片",
    choose: "选择图片",
    sample: "示例",
    find: "查找文字行",
    whole: "整张图片",
    add: "添加选框",
    draw: "手指画框",
    hint: "可将截图拖放或粘贴到页面任意位置；在图片上拖动即可框选一行。选框可用方向键移动，按住 Shift 调整大小，Delete 删除。",
    lines: "文字行",
    copy: "复制全部",
    save: "保存为训练数据",
    saveTitle: "把改正或勾选过的行存成数据集，供 linelet train --data 使用",
    details: "识别器与速度",
    backend: "运行方式",
    grammar: "只识别配方中可能出现的文字",
    grammarTitle: "在配方的格式和词语所能组成的文字中，取概率最高的一个",
    privacy: "图片只留在本机：本页面不会向任何地方发送数据。",
    loading: "正在载入识别器……",
    reading: (n) => `正在识别 ${n} 行……`,
    done: (n, ms) => `已识别 ${n} 行，用时 ${ms} 毫秒。`,
    nothing: "没有找到文字行，请拖动框选一行。",
    copied: "已复制。",
    saved: (n) => `已保存 ${n} 行。解压后把文件夹交给 linelet train --data。`,
    noneToSave: "请先改正一行，或勾选一行正确的结果，再保存。",
    unknown: (characters) => `识别器不认识 ${characters}，这一行不能用作训练数据。`,
    lineLabel: (i) => `第 ${i} 行的文字`,
    boxLabel: (i, text) => `第 ${i} 行：${text || "未识别出文字"}`,
    look: "输入",
    lookLabel: (i) => `显示网络看到的第 ${i} 行`,
    inputLabel: (text) => `“${text}”的网络输入`,
    remove: "删除",
    removeLabel: (i) => `删除第 ${i} 行`,
    keep: "正确，用于训练",
    uncertain: (list) => `不确定：${list}`,
    figures: (confidence, ms) => `${confidence}% · ${ms} 毫秒`,
    pictureLabel: (width, height) => `图片，${width} × ${height} 像素`,
    facts: { name: "识别器", network: "网络", characters: "字符", backend: "后端", started: "就绪用时", failed: "不可用" },
    automatic: "自动",
    other: "English",
  },
};

const remembered = () => {
  try {
    return localStorage.getItem("linelet-language");
  } catch {
    return null; // storage is blocked: the browser's language decides
  }
};
const asked = new URLSearchParams(location.search).get("lang");
let language = [asked, remembered(), navigator.language.slice(0, 2)].find((name) => name in TEXTS) ?? "en";

/** The texts of the language in use. */
export const texts = () => TEXTS[language];

/** Writes the texts into the page's elements marked data-text. */
export function translate() {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = texts()[element.dataset.text];
  for (const element of document.querySelectorAll("[data-title]")) element.title = texts()[element.dataset.title];
  const button = document.getElementById("language");
  button.textContent = texts().other;
  button.lang = language === "zh" ? "en" : "zh";
}

/** The other language, remembered for the next visit. */
export function switchLanguage() {
  language = language === "zh" ? "en" : "zh";
  try {
    localStorage.setItem("linelet-language", language);
  } catch {
    // Storage is blocked: the choice lasts for this visit.
  }
  translate();
}
