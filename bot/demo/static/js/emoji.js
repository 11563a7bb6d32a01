// The shortcodes people and bots use most, by hand; an unknown one stays readable as :text:.

const TABLE = `
+1 👍|thumbsup 👍|-1 👎|thumbsdown 👎|ok_hand 👌|wave 👋|pray 🙏|clap 👏|raised_hands 🙌|point_right 👉|point_left 👈|point_up ☝️|point_down 👇|handshake 🤝|muscle 💪|eyes 👀
smile 😄|grinning 😀|slightly_smiling_face 🙂|wink 😉|sweat_smile 😅|joy 😂|thinking_face 🤔|neutral_face 😐|confused 😕|cry 😢|sob 😭|scream 😱|sunglasses 😎|partying_face 🥳|face_with_monocle 🧐|shrug 🤷
tada 🎉|sparkles ✨|star ⭐|star2 🌟|fire 🔥|100 💯|rocket 🚀|trophy 🏆|dart 🎯|gift 🎁|balloon 🎈|heart ❤️|green_heart 💚|yellow_heart 💛|broken_heart 💔
white_check_mark ✅|heavy_check_mark ✔️|ballot_box_with_check ☑️|x ❌|negative_squared_cross_mark ❎|no_entry ⛔|no_entry_sign 🚫|octagonal_sign 🛑|warning ⚠️|rotating_light 🚨|exclamation ❗|question ❓|grey_question ❔|grey_exclamation ❕|bangbang ‼️|information_source ℹ️|heavy_plus_sign ➕|heavy_minus_sign ➖|sos 🆘|new 🆕|ok 🆗
red_circle 🔴|large_orange_circle 🟠|large_yellow_circle 🟡|large_green_circle 🟢|large_blue_circle 🔵|large_purple_circle 🟣|large_brown_circle 🟤|black_circle ⚫|white_circle ⚪|radio_button 🔘
large_red_square 🟥|large_orange_square 🟧|large_yellow_square 🟨|large_green_square 🟩|large_blue_square 🟦|large_purple_square 🟪|large_brown_square 🟫|black_large_square ⬛|white_large_square ⬜|black_square ◼️|white_medium_square ◻️|white_small_square ▫️|black_small_square ▪️|small_blue_diamond 🔹|small_orange_diamond 🔸|large_blue_diamond 🔷|large_orange_diamond 🔶
seedling 🌱|herb 🌿|leaves 🍃|fallen_leaf 🍂|maple_leaf 🍁|four_leaf_clover 🍀|ear_of_rice 🌾|corn 🌽|tractor 🚜|sunflower 🌻|potted_plant 🪴|evergreen_tree 🌲|deciduous_tree 🌳|carrot 🥕|potato 🥔|tomato 🍅|grapes 🍇|apple 🍎|farmer 🧑‍🌾|woman-farmer 👩‍🌾|man-farmer 👨‍🌾|cow 🐄|cow2 🐄|pig2 🐖|chicken 🐔|bee 🐝|honeybee 🐝|barn 🏚️|house 🏠|house_with_garden 🏡
sunny ☀️|partly_sunny ⛅|cloud ☁️|rain_cloud 🌧️|thunder_cloud_and_rain ⛈️|snowflake ❄️|droplet 💧|rainbow 🌈|zap ⚡|earth_americas 🌎|globe_with_meridians 🌐|satellite_antenna 📡|satellite 🛰️
link 🔗|broken_chain ⛓️‍💥|chains ⛓️|key 🔑|lock 🔒|unlock 🔓|closed_lock_with_key 🔐|shield 🛡️|electric_plug 🔌|battery 🔋|wrench 🔧|hammer_and_wrench 🛠️|gear ⚙️|toolbox 🧰|adhesive_bandage 🩹|stethoscope 🩺|hospital 🏥|ambulance 🚑|syringe 💉
bell 🔔|no_bell 🔕|loudspeaker 📢|mega 📣|speech_balloon 💬|thought_balloon 💭|incoming_envelope 📨|envelope ✉️|email ✉️|mailbox 📫|mailbox_with_mail 📬|outbox_tray 📤|inbox_tray 📥|package 📦|iphone 📱|calling 📲|telephone_receiver 📞|computer 💻|robot_face 🤖|busts_in_silhouette 👥|bust_in_silhouette 👤|woman 👩|man 👨
memo 📝|pencil ✏️|pencil2 ✏️|clipboard 📋|page_facing_up 📄|scroll 📜|bookmark 🔖|books 📚|book 📖|file_folder 📁|open_file_folder 📂|file_cabinet 🗄️|card_index 📇|card_index_dividers 🗂️|paperclip 📎|pushpin 📌|round_pushpin 📍|label 🏷️|receipt 🧾|mag 🔍|mag_right 🔎|bar_chart 📊|chart_with_upwards_trend 📈|chart_with_downwards_trend 📉|microscope 🔬|test_tube 🧪|bulb 💡|wastebasket 🗑️
clock1 🕐|clock3 🕒|clock9 🕘|hourglass ⌛|hourglass_flowing_sand ⏳|stopwatch ⏱️|timer_clock ⏲️|alarm_clock ⏰|calendar 📅|date 📅|spiral_calendar_pad 🗓️|watch ⌚|zzz 💤|crescent_moon 🌙
arrow_right ➡️|arrow_left ⬅️|arrow_up ⬆️|arrow_down ⬇️|arrow_upper_right ↗️|arrow_lower_right ↘️|arrow_right_hook ↪️|leftwards_arrow_with_hook ↩️|arrows_counterclockwise 🔄|arrows_clockwise 🔃|repeat 🔁|fast_forward ⏩|arrow_forward ▶️|double_vertical_bar ⏸️|black_square_for_stop ⏹️|track_next ⏭️|small_red_triangle 🔺|small_red_triangle_down 🔻
one 1️⃣|two 2️⃣|three 3️⃣|four 4️⃣|five 5️⃣|six 6️⃣|seven 7️⃣|eight 8️⃣|nine 9️⃣|keycap_ten 🔟|zero 0️⃣|hash #️⃣
construction 🚧|construction_worker 👷|police_car 🚓|traffic_light 🚦|vertical_traffic_light 🚦|checkered_flag 🏁|triangular_flag_on_post 🚩|waving_white_flag 🏳️|truck 🚚|ship 🚢|airplane ✈️|coffee ☕|bread 🍞|beer 🍺|moneybag 💰|dollar 💵|chart 💹|crystal_ball 🔮|ghost 👻|skull 💀|boom 💥|dash 💨|bug 🐛|thermometer 🌡️|sleeping 😴|detective 🕵️|sleuth_or_spy 🕵️
`;

const EMOJI = new Map(
  TABLE.trim().split(/[\n|]/).map((entry) => {
    const space = entry.indexOf(" ");
    return [entry.slice(0, space), entry.slice(space + 1)];
  }),
);

/** The character for a shortcode without its colons, or null. */
export const emoji = (name) => EMOJI.get(name) ?? null;

/** Replace shortcodes in plain text. */
export const withEmoji = (text) => String(text).replace(/:([a-z0-9_+'-]+):/g, (whole, name) => EMOJI.get(name) ?? whole);
