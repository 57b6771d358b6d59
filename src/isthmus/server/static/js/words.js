// Every word of the page, in English and Chinese.

const ENGLISH = {
  skip: "Skip to results", search: "Search", placeholder: "Search by words, or drop a picture, sound or video",
  attach: "Search by a picture, a sound or a video from a file", record: "Search by a sound: record it",
  recording: "Recording; press again to end", map: "Map", saved: "Saved", index: "Add",
  filters: "Filters", views: "Views", view: "view", asked_as: (name) => `Ask by ${name} as`, add_as: "The files are", least: "At least", any: "anything", meaning: "Find",
  instance: "the best match", semantic: "things of the same kind", where: "Filter",
  where_hint: 'path~"holiday/*"', results: "Results", drop: "Drop a picture, a sound or a video to search by it",
  text: "text", image: "image", audio: "sound", video: "video",
  very_likely: "very likely", likely: "likely", maybe: "maybe", unlikely: "unlikely",
  uncalibrated: "not calibrated", by_name: "by its name", partly_by_name: "in part by its name", by_words: "by its words", partly_by_words: "in part by its words", gone: "file is gone",
  found: (n) => (n === 1 ? "The best result." : `The best ${n.toLocaleString("en")}.`),
  newest: (n) => `${n.toLocaleString("en")} items, newest first`,
  nothing: "Nothing matches.", nothing_more: "The nearest items are unlikely to be what you mean. Try other words, fewer filters, or a picture.",
  nearest: "Show the nearest anyway", nearest_said: "Nothing matches. These are only the nearest items.",
  empty: "This store is empty.", empty_more: "Add a folder of pictures, sounds, videos or texts. Your files stay where they are and are never changed.",
  empty_shell: "Or in a terminal:", failed: "That did not work.", offline: "The server does not answer. Is it still running?",
  like: "I like this", liked_things: "What you like", like_these: "More like these", differ: "Results", differ_no: "the most alike", differ_some: "some variety", differ_much: "much variety",
  because: (names) => `because you like ${names}`, and: " and ", others_too: ", and others took both", unlike: (name) => `unlike ${name}`,
  recommended: (n) => (n ? `${n.toLocaleString("en")} recommended; − on a card means: not like this.` : "Nothing is left to recommend."), key_like: "like",
  again: "Try again", more: "More like this", not: "Not like this", explain: "Explain",
  explaining: "Finding out why…", hide: "Hide", open_file: "Open the file",
  copy: "Copy the path", copied: "Copied", close: "Close", previous: "Previous", next: "Next",
  play: "Play", pause: "Pause", cosine: "cosine", added: "added", size: "size", path: "path", span: "part",
  remove: "Remove", remove_term: (name) => `Remove ${name}`, avoid: "not", avoid_term: (name) => `Avoid ${name} instead`,
  seek_term: (name) => `Seek ${name} again`, uploading: "Reading the file…",
  of_query: "In the query", of_item: "In the item", of_pairs: "Training pairs that count",
  others: (n, v) => `the other ${n.toLocaleString("en")} pairs: ${v}`, speaks_for: "supports the match", speaks_against: "counts against the match",
  of_parts: "Parts of the query", ranked_by: (v) => `Together ${v}: the score that ranks the results.`,
  drawn_over: "The colours show what each part adds.", sums: "Each list adds up to the score", start: "baseline", parts: "parts",
  save_this: "Save this search", name: "Name", save: "Save", none_saved: "No searches are saved yet.",
  save_needs: "Search for something first. Then you can save it here.", save_uploads: "A search by an uploaded file cannot be saved: the file is not kept.",
  predict: "Predict", predict_one: "Predict one record", predictor: "Predictor", predict_of: (target) => `Predict ${target}`, predicting: "Predicting…",
  between: (low, high) => `Most likely between ${low} and ${high}.`, may_be: (names) => `It may also be ${names}.`, abstains: "That is not sure enough to count as an answer.",
  lacks: (views) => `Without ${views}.`, no_label: "no label", all_alike: "all records alike", adds_up: (name) => `What adds up for ${name}`, score_of: (name, v) => `Together ${v}: the score of ${name}.`,
  supports: (name) => `supports ${name}`, opposes: (name) => `counts against ${name}`, no_device: "This is no medical device. It must not decide on anybody's diagnosis or treatment.",
  would_change: (view, n, v) => `There is no ${view}. With one, as ${n} records like this have it, the score would change by ${v}.`, would_turn: (p, instead) => `${p} of them would get another answer${instead ? `, mostly ${instead}` : ""}.`,
  how_good: (target, figure) => `Predicts ${target}: ${figure}.`, vectors_only: "This predictor reads vectors only. Ask it with: isthmus predict run", predict_all: "Predict all items", predict_labels: (target) => `The answers become labels “${target}=…”, which you can filter by.`,
  add_title: "Add folders", add_label: "Folder or file on the machine of the server", add: "Add",
  add_roots: (r) => `Allowed: ${r}`, add_none: "You cannot add folders from the page. Start the server with --allow FOLDER.",
  labels: "Labels", filter_label: (name) => `Only items with the label ${name}`, label_label: "Give labels to items, in any language",
  label_hint: "cat, garden, at night", label_give: "Give labels", label_least: "If they are at least", label_replace: "Remove all other labels of the items",
  label_one: "Name at least one label.", label_sure: (n, names) => `The items of this store have ${n.toLocaleString("en")} labels with ${names.toLocaleString("en")} different names. Items that are judged lose all labels that you do not name. Remove them?`,
  label_where: (f) => `Only items that pass the filter ${f}`, label_none: "You cannot give labels from the page. Start the server with --allow-labels.",
  labels_there: "Labels in this store", no_labels: "No item has a label yet.", judging: "Judging",
  working: "Reading", left: (t) => `about ${t} left`, cancel: "Cancel", broken: (n) => `${n} files could not be used`,
  lasso: "Select", lasso_hint: "Draw around items to select them.", pan_hint: "Drag to move, scroll to zoom, click to open.",
  selected: (n) => `${n.toLocaleString("en")} selected`, clear: "Clear", export_csv: "Export CSV", export_json: "Export JSON",
  as_results: "Show as results", zoom_in: "Zoom in", zoom_out: "Zoom out", whole: "Whole map",
  map_of: (n, total) => (n < total ? `${n.toLocaleString("en")} of ${total.toLocaleString("en")} items, drawn at random` : `${n.toLocaleString("en")} items`),
  map_method: "The map shows the two main axes of the space. Items that are close are roughly similar.",
  help: "Keys", key_search: "search", key_move: "move between results", key_open: "open", key_more: "more like this",
  key_not: "not like this", key_explain: "explain", key_map: "map", key_help: "this list", key_close: "close",
  clear_best_of: (n) => `clear best of ${n.toLocaleString("en")}`, best_of: (n) => `best of ${n.toLocaleString("en")}`,
  rank_of: (r, n) => `${r} of ${n.toLocaleString("en")}`,
  unfinished: (what) => `Some files are not found yet: ${what}`,
  weak_note: (d) => `This space is weak from ${d}: only a clear result passes for a match.`,
  uncalibrated_note: (d, why) => `There is no probability for ${d}. Reason: ${why || "the space learned none for this direction"}.`, no_mic: "No sound could be recorded. Allow the microphone in your browser.",
  too_large: (m) => `A file to search by can have at most ${m} MB.`, language: "中文", loading: "Searching…",
  at: (part) => `at ${part}`, a_passage: "a passage", read: "read from the picture", read_video: "read from the video", heard: "heard in the recording",
  copies: (n) => `${n.toLocaleString("en")} copies`, position: "Position", parts_of: "Parts that match",
  strip_of: (name) => `Frames of ${name}, from its beginning to its end`, no_player: "Your browser cannot play this file. Open it with a player on your machine.",
  changed: "The file is gone, or has changed since it was indexed. Index it again.", held: (at) => `The part ends at ${at}. `, go_on: "Go on",
  passage_of: (at) => `The marked passage begins after ${at} of the text.`, passage_at: (at) => `at ${at} of the text`,
  inside: "Search in this file", inside_none: "Nothing in this file matches.", filter_field: (name, value) => `Only items with the ${name} ${value}`,
  field_taken: "taken", field_title: "title", field_artist: "artist", field_album: "album", field_year: "year", field_camera: "camera",
  field_place: "place", field_pixels: "pixels", field_duration: "duration", field_fps: "frames a second",
  in_view: (n, total) => (n < total ? `${n.toLocaleString("en")} of ${total.toLocaleString("en")} items in view` : `${n.toLocaleString("en")} items in view`),
};

const CHINESE = {
  skip: "跳到结果", search: "搜索", placeholder: "输入文字，或拖入图片、声音、视频",
  attach: "用图片、声音或视频文件搜索", record: "录一段声音来搜索", recording: "正在录音，再按一次结束", map: "地图", saved: "收藏", index: "添加",
  filters: "筛选", views: "视图", view: "视图", asked_as: (name) => `${name}查询属于`, add_as: "这些文件是", least: "至少", any: "不限", meaning: "查找", instance: "最吻合的那个", semantic: "同类的东西",
  where: "条件", where_hint: 'path~"假期/*"', results: "结果", drop: "松手即可用它来搜索",
  text: "文字", image: "图片", audio: "声音", video: "视频",
  very_likely: "很可能", likely: "可能", maybe: "也许", unlikely: "不太可能", uncalibrated: "未校准", by_name: "名称相符", partly_by_name: "名称部分相符", by_words: "词语相符", partly_by_words: "词语部分相符", gone: "文件已不在",
  found: (n) => `最好的 ${n.toLocaleString("zh")} 个。`, newest: (n) => `共 ${n.toLocaleString("zh")} 项，最新的在前`,
  nothing: "没有匹配的内容。", nothing_more: "最接近的也不太可能是您要找的。换个说法、放宽筛选，或用一张图片试试。",
  nearest: "仍然显示最接近的", nearest_said: "没有匹配的内容；以下只是最接近的。",
  empty: "这里还是空的。", empty_more: "添加一个含有图片、声音、视频或文字的文件夹；只读取，绝不改动原文件。", empty_shell: "或在终端中运行：",
  like: "喜欢", liked_things: "您喜欢的", like_these: "更多类似这些的", differ: "结果", differ_no: "最相似的", differ_some: "多一些变化", differ_much: "变化很多",
  because: (names) => `因为您喜欢 ${names}`, and: "、", others_too: "，别人也一起选", unlike: (name) => `与 ${name} 不同`,
  recommended: (n) => (n ? `推荐 ${n.toLocaleString("zh")} 项；卡片上的 − 表示不要类似的。` : "没有可以推荐的了。"), key_like: "喜欢",
  failed: "没有成功。", offline: "服务器没有回应，它还在运行吗？", again: "重试", more: "更多类似", not: "不要类似的", explain: "为什么",
  explaining: "正在分析…", hide: "收起说明", open_file: "打开文件", copy: "复制路径", copied: "已复制", close: "关闭", previous: "上一个", next: "下一个",
  play: "播放", pause: "暂停", cosine: "余弦", added: "添加于", size: "大小", path: "路径", span: "片段", remove: "移除", remove_term: (name) => `移除 ${name}`,
  avoid: "不要", avoid_term: (name) => `改为避开 ${name}`, seek_term: (name) => `改为寻找 ${name}`, uploading: "正在读取文件…",
  of_query: "查询中", of_item: "内容中", of_pairs: "所依据的训练样本", others: (n, v) => `其余 ${n.toLocaleString("zh")} 对：${v}`,
  speaks_for: "支持匹配", speaks_against: "反对匹配", of_parts: "查询的各部分", ranked_by: (v) => `合计 ${v}：结果按它排序。`, drawn_over: "各部分的贡献画在上面。", score_said: (v, n) => `得分 ${v}，高于训练数据中 ${n}% 的同类。`, sums: "每一栏相加都等于得分", start: "起点", parts: "各部分",
  save_this: "收藏这次搜索", name: "名称", save: "保存", none_saved: "还没有收藏的搜索。", save_needs: "先搜索一次，然后可以在这里收藏。",
  save_uploads: "用上传文件的搜索无法收藏：文件不会保留。", predict: "预测", predict_one: "预测一条记录", predictor: "预测器", predict_of: (target) => `预测 ${target}`, predicting: "正在预测…",
  between: (low, high) => `很可能在 ${low} 与 ${high} 之间。`, may_be: (names) => `也可能是 ${names}。`, abstains: "把握不够，不作回答。",
  lacks: (views) => `缺少：${views}。`, no_label: "无标签", all_alike: "所有记录共有", adds_up: (name) => `${name} 的组成`, score_of: (name, v) => `合计 ${v}：${name} 的得分。`,
  supports: (name) => `支持 ${name}`, opposes: (name) => `反对 ${name}`, no_device: "这不是医疗器械，不得用于任何人的诊断或治疗。",
  would_change: (view, n, v) => `缺少${view}。参照 ${n} 条类似记录，补上后得分会变化 ${v}。`, would_turn: (p, instead) => `其中 ${p} 会得到别的答案${instead ? `，多为 ${instead}` : ""}。`,
  how_good: (target, figure) => `预测 ${target}：${figure}。`, vectors_only: "这个预测器只读取向量；请用：isthmus predict run", predict_all: "预测所有项目", predict_labels: (target) => `答案将成为标签“${target}=…”，可用来筛选。`,
  add_title: "添加文件夹", add_label: "服务器上的文件夹或文件", add: "添加",
  add_roots: (r) => `允许的范围：${r}`, add_none: "不允许从网页添加；请用 --allow 文件夹 启动服务器。", working: "正在读取", left: (t) => `大约还需 ${t}`,
  labels: "标签", filter_label: (name) => `只看带有标签 ${name} 的内容`, label_label: "给内容加标签，可用任何语言", label_hint: "猫、花园、夜晚",
  label_give: "加标签", label_least: "至少", label_replace: "移除这些内容的所有其他标签", label_one: "请至少写一个标签。",
  label_sure: (n, names) => `现有 ${n.toLocaleString("zh")} 个标签，共 ${names.toLocaleString("zh")} 种名称。被判断的内容会失去您没有写到的所有标签。要移除吗？`, label_where: (f) => `只给符合条件的内容：${f}`,
  label_none: "不允许从网页加标签；请用 --allow-labels 启动服务器。", labels_there: "已有的标签", no_labels: "还没有带标签的内容。", judging: "正在判断",
  cancel: "取消", broken: (n) => `${n} 个文件无法使用`, lasso: "圈选", lasso_hint: "画一个圈来选择。", pan_hint: "拖动以移动，滚轮缩放，点击打开。",
  selected: (n) => `已选 ${n.toLocaleString("zh")} 项`, clear: "清除", export_csv: "导出 CSV", export_json: "导出 JSON", as_results: "列出所选",
  zoom_in: "放大", zoom_out: "缩小", whole: "全图", map_of: (n, total) => (n < total ? `随机抽取 ${total.toLocaleString("zh")} 项中的 ${n.toLocaleString("zh")} 项` : `${n.toLocaleString("zh")} 项`),
  map_method: "按空间的两个主方向排列；大致越近越相似。", help: "快捷键", key_search: "搜索", key_move: "在结果间移动", key_open: "打开", key_more: "更多类似",
  key_not: "不要类似的", key_explain: "为什么", key_map: "地图", key_help: "本列表", key_close: "关闭",
  clear_best_of: (n) => `${n.toLocaleString("zh")} 项中明显最好`, best_of: (n) => `${n.toLocaleString("zh")} 项中最好`,
  rank_of: (r, n) => `${n.toLocaleString("zh")} 项中第 ${r}`, weak_note: (d) => `这个空间不擅长 ${d}：只有明显的结果才算匹配。`,
  unfinished: (what) => `有些文件还找不到：${what}`,
  uncalibrated_note: (d) => `${d} 没有概率。`, no_mic: "无法录音：浏览器或其主人不允许。",
  too_large: (m) => `用来搜索的文件最大 ${m} MB。`, language: "English", loading: "正在搜索…",
  at: (part) => `在 ${part}`, a_passage: "一个段落", read: "从图片中读到", read_video: "从视频中读到", heard: "在录音中听到",
  copies: (n) => `${n.toLocaleString("zh")} 个副本`, position: "播放位置", parts_of: "匹配的片段",
  strip_of: (name) => `${name} 从头到尾的画面`, no_player: "浏览器无法播放这个文件，请用本机的播放器打开。",
  changed: "文件已不在，或在索引之后有改动；请重新索引。", held: (at) => `片段到 ${at} 结束。`, go_on: "继续播放",
  passage_of: (at) => `标出的段落从全文的 ${at} 处开始。`, passage_at: (at) => `全文 ${at} 处`,
  inside: "在这个文件中搜索", inside_none: "这个文件中没有匹配的内容。", filter_field: (name, value) => `只看${name}为 ${value} 的内容`,
  field_taken: "拍摄时间", field_title: "标题", field_artist: "作者", field_album: "专辑", field_year: "年份", field_camera: "相机",
  field_place: "地点", field_pixels: "像素", field_duration: "时长", field_fps: "每秒帧数",
  in_view: (n, total) => (n < total ? `视野内 ${total.toLocaleString("zh")} 项中的 ${n.toLocaleString("zh")} 项` : `视野内 ${n.toLocaleString("zh")} 项`),
};

const stored = () => {
  try {
    return localStorage.getItem("isthmus.language");
  } catch {
    return null; // private browsing
  }
};

export let language = stored() ?? ((navigator.language || "en").startsWith("zh") ? "zh" : "en");

export function t(key, ...values) {
  const found = (language === "zh" ? CHINESE : ENGLISH)[key] ?? ENGLISH[key] ?? key;
  return typeof found === "function" ? found(...values) : found;
}

export const likelihood = (words) => words && t(words.replace(" ", "_"));

// How likely a part of a file is, in the words of hits: the same steps as `hits.in_words`.
const STEPS = [[0.8, "very likely"], [0.5, "likely"], [0.2, "maybe"], [0, "unlikely"]];
const known = (probability) => probability !== null && probability !== undefined;
const step = (probability) => STEPS.find(([least]) => probability >= least)[1];
export const said = ({ words, probability }) => likelihood(words ?? (known(probability) ? step(probability) : ""));

// Whether there is a probability that says the same as the words: what is no match is unlikely, whatever its number.
export const agrees = ({ words, probability }) => known(probability) && step(probability) === (words ?? step(probability));

// The name of a view or a modality; only those that isthmus made up are translated.
const OWN = ["text", "image", "audio", "video"];
export const kind = (name) => (OWN.includes(name) ? t(name) : name);

export const direction = ({ query, gallery }) => `${kind(query)}→${kind(gallery)}`;

export function translate(root = document) {
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const each of root.querySelectorAll("[data-t]")) each.textContent = t(each.dataset.t);
  for (const each of root.querySelectorAll("[data-p]")) each.placeholder = t(each.dataset.p);
  for (const each of root.querySelectorAll("[data-l]")) {
    each.setAttribute("aria-label", t(each.dataset.l));
    if (each.tagName === "BUTTON") each.title = t(each.dataset.l);
  }
}

export function switchLanguage() {
  language = language === "zh" ? "en" : "zh";
  try {
    localStorage.setItem("isthmus.language", language);
  } catch { /* it is only forgotten */ }
  translate();
}

export function duration(seconds) {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))} s`;
  return `${Math.round(seconds / 60)} min`;
}
