"""Every setting, once: forms, checks, the command line's help, the manual and translations derive from it.

Only what this version enforces is here. A limit that cannot be kept on a device is not offered.
"""

from types import MappingProxyType
from typing import Any, Final

from sparewatt.settings.countries import COUNTRIES, WORLD
from sparewatt.settings.hours import ALWAYS, parse_hours
from sparewatt.settings.option import Choice, Hours, Names, Number, Option, Switch

WHEN_TO_RUN: Final = Choice(
    key="when_to_run",
    scope="computer",
    default="idle",
    choices=MappingProxyType(
        {
            "idle": "While I am away",
            "hours": "During my hours",
            "always": "Always",
            "never": "Never",
        }
    ),
    label="When to run",
    help="While you are away: after some minutes without mouse and keyboard, or with a locked screen, within your "
    "hours. During your hours: also while you use the computer. Always: at any hour. Never: nothing computes; results "
    "that are already finished are still delivered.",
)
IDLE_MINUTES: Final = Number(
    key="idle_minutes",
    scope="computer",
    default=3,
    minimum=1,
    maximum=240,
    unit="min",
    label="Away after",
    help="How long mouse and keyboard must rest until you count as away.",
)
HOURS: Final = Hours(
    key="hours",
    scope="computer",
    default=ALWAYS,
    label="Hours",
    help='When devices may compute, in local time: "always", or a weekly pattern such as '
    '"mo-fr 22:00-07:00; sa-su 00:00-24:00". A span may run past midnight.',
)
RUN_ON_BATTERY: Final = Switch(
    key="run_on_battery",
    scope="computer",
    default=False,
    label="Run on battery",
    help="Compute while the computer runs on its battery, or on a battery behind the socket (UPS). When off, work goes "
    "on five minutes after mains power is back.",
)
PAUSE_FOR_GAMES: Final = Switch(
    key="pause_for_games",
    scope="computer",
    default=True,
    label="Pause for games",
    help="Stop at once, and free the card's memory, while a game or a full-screen program uses it. Work goes on a "
    "minute after it has closed.",
)
PAUSE_PROGRAMS: Final = Names(
    key="pause_programs",
    scope="computer",
    default=(),
    label="Pause for these programs",
    help='Programs for which everything stops while they run, by the names of their files, such as "blender; '
    'obs64.exe". Work goes on a minute after the last of them has ended.',
)
START_AT_LOGON: Final = Choice(
    key="start_at_logon",
    scope="computer",
    default="off",
    choices=MappingProxyType(
        {
            "off": "Do not start",
            "tray": "Start in the tray",
            "engine": "Contribute without the window",
        }
    ),
    label="Start with the computer",
    help="What starts when you log on: nothing, the app with its icon in the tray, or only the engine, which then "
    "contributes without any window.",
)
UPLOAD_LIMIT_KB_PER_S: Final = Number(
    key="upload_limit_kb_per_s",
    scope="computer",
    default=0,
    minimum=0,
    maximum=10_000_000,
    unit="kB/s",
    label="Upload speed at most",
    help="How fast results are sent, all runs together. 0 means as fast as the connection allows.",
)
DOWNLOAD_LIMIT_KB_PER_S: Final = Number(
    key="download_limit_kb_per_s",
    scope="computer",
    default=0,
    minimum=0,
    maximum=10_000_000,
    unit="kB/s",
    label="Download speed at most",
    help="How fast training data and weights are fetched, all runs together. 0 means as fast as the connection allows.",
)
TRANSFER_ON_METERED: Final = Switch(
    key="transfer_on_metered",
    scope="computer",
    default=False,
    label="Use metered connections",
    help="Send and receive over connections that are paid by volume, such as a phone's. When off, work that is here is "
    "finished and delivered later.",
)
DATA_BUDGET_GB_PER_MONTH: Final = Number(
    key="data_budget_gb_per_month",
    scope="computer",
    default=0,
    minimum=0,
    maximum=1_000_000,
    unit="GB",
    label="Data a month at most",
    help="How much may be sent and received in a calendar month; then devices wait for the next one, and only finished "
    "results are still sent. 0 means no budget.",
)
ENERGY_BUDGET_KWH_PER_MONTH: Final = Number(
    key="energy_budget_kwh_per_month",
    scope="computer",
    default=0,
    minimum=0,
    maximum=100_000,
    unit="kWh",
    label="Energy a month at most",
    help="How much energy all devices together may use for runs in a calendar month; then they wait for the next one. "
    "Counted where a device's power can be read. 0 means no budget.",
)
MONEY_BUDGET_PER_MONTH: Final = Number(
    key="money_budget_per_month",
    scope="computer",
    default=0,
    minimum=0,
    maximum=1_000_000,
    label="Money a month at most",
    help="How much the energy of a calendar month may cost, in whole units of your currency, by your price of power; "
    "then devices wait for the next one. 0 means no budget.",
)
CURRENCY: Final = Choice(
    key="currency",
    scope="computer",
    default="eur",
    choices=MappingProxyType(
        {
            "eur": "Euro (EUR)",
            "usd": "US dollar (USD)",
            "gbp": "Pound sterling (GBP)",
            "chf": "Swiss franc (CHF)",
            "sek": "Swedish krona (SEK)",
            "nok": "Norwegian krone (NOK)",
            "dkk": "Danish krone (DKK)",
            "pln": "Polish zloty (PLN)",
            "czk": "Czech koruna (CZK)",
            "cad": "Canadian dollar (CAD)",
            "aud": "Australian dollar (AUD)",
            "brl": "Brazilian real (BRL)",
            "inr": "Indian rupee (INR)",
            "jpy": "Japanese yen (JPY)",
        }
    ),
    label="Currency",
    help="In which your price of power and your budget are.",
)
POWER_PRICE_CT_PER_KWH: Final = Number(
    key="power_price_ct_per_kwh",
    scope="computer",
    default=0,
    minimum=0,
    maximum=100_000,
    unit="ct/kWh",
    label="Price of power",
    help="What a kilowatt-hour costs you, in hundredths of your currency. 0 means that you did not say; then no cost "
    "is counted.",
)
CHEAP_PRICE_CT_PER_KWH: Final = Number(
    key="cheap_price_ct_per_kwh",
    scope="computer",
    default=0,
    minimum=0,
    maximum=100_000,
    unit="ct/kWh",
    label="Price in the cheap hours",
    help="What a kilowatt-hour costs you in the cheap hours, where your tariff has two rates. 0 means that it has one.",
)
CHEAP_HOURS: Final = Hours(
    key="cheap_hours",
    scope="computer",
    default=parse_hours("mo-su 22:00-06:00"),
    label="Cheap hours",
    help="When the second rate of your tariff holds, in local time.",
)
WAIT_FOR_CHEAP_POWER: Final = Switch(
    key="wait_for_cheap_power",
    scope="computer",
    default=False,
    label="Wait for cheap power",
    help="Compute in the cheap hours only.",
)
COUNTRY: Final = Choice(
    key="country",
    scope="computer",
    default=WORLD,
    choices=COUNTRIES,
    label="Country",
    help="Where your power comes from. Carbon dioxide is estimated by the average of a whole year there; it says "
    "nothing of the hour or of your supplier.",
)
CARBON_GRAMS_PER_KWH: Final = Number(
    key="carbon_grams_per_kwh",
    scope="computer",
    default=0,
    minimum=0,
    maximum=2_000,
    unit="g/kWh",
    label="Carbon dioxide of your power",
    help="How many grams of carbon dioxide a kilowatt-hour of your power stands for, where you know it better than "
    "your country's average: your supplier's bill often says it. 0 means the average of your country.",
)
CPU_THREADS: Final = Number(
    key="cpu_threads",
    scope="computer",
    default=0,
    minimum=0,
    maximum=1024,
    unit="threads",
    label="Processor threads",
    help="How many threads the processor lends. 0 means all but one.",
)
MEMORY_FREE_MIN_MB: Final = Number(
    key="memory_free_min_mb",
    scope="computer",
    default=1024,
    minimum=0,
    maximum=1_048_576,
    unit="MB",
    label="Memory kept free",
    help="Workers stop while less memory than this is available to your other programs.",
)
DISK_FREE_MIN_MB: Final = Number(
    key="disk_free_min_mb",
    scope="computer",
    default=2048,
    minimum=0,
    maximum=1_048_576_000,
    unit="MB",
    label="Disk kept free",
    help="Nothing new is downloaded and workers stop while the disk with Sparewatt's data has less free space "
    "than this.",
)
DISK_CACHE_LIMIT_GB: Final = Number(
    key="disk_cache_limit_gb",
    scope="computer",
    default=20,
    minimum=1,
    maximum=1_048_576,
    unit="GB",
    label="Disk used at most",
    help="How much disk the cached training data and weights of all runs may take together.",
)
DISK_WRITE_LIMIT_GB_PER_DAY: Final = Number(
    key="disk_write_limit_gb_per_day",
    scope="computer",
    default=20,
    minimum=1,
    maximum=100_000,
    unit="GB",
    label="Written to disk a day at most",
    help="How much training may write to the disk in a day, so that a solid-state disk does not wear out: all that is "
    "received, all results, and what is kept of unfinished work, which may use three quarters of it. Then devices wait "
    "until midnight.",
)
DEVICE_USE: Final = Choice(
    key="device_use",
    scope="device",
    default="rules",
    choices=MappingProxyType({"rules": "By my rules", "always": "Always", "never": "Never"}),
    label="Lend this device",
    help="By your rules: when to run, hours and your use of the computer decide. Always: those three do not hold it "
    "back; limits, battery, games and budgets still do. Never: it computes nothing.",
)
POWER_CAP_WATTS: Final = Number(
    key="power_cap_watts",
    scope="device",
    default=0,
    minimum=0,
    maximum=2_000,
    unit="W",
    label="Power cap",
    help="The most power the device may draw on average over a minute; Sparewatt pauses between small pieces of work "
    "to keep it. Short peaks are higher. 0 means no cap. Only for devices whose power can be read.",
)
TEMPERATURE_LIMIT_CELSIUS: Final = Number(
    key="temperature_limit_celsius",
    scope="device",
    default=75,
    kind_defaults=MappingProxyType({"cpu": 85}),
    minimum=40,
    maximum=100,
    unit="°C",
    label="Temperature limit",
    help="Sparewatt slows down before the device gets this warm, and pauses when it is warmer. Only for devices whose "
    "temperature can be read.",
)
SPEED_LIMIT_PERCENT: Final = Number(
    key="speed_limit_percent",
    scope="device",
    default=50,
    kind_defaults=MappingProxyType({"cuda": 100}),
    minimum=1,
    maximum=100,
    unit="%",
    label="Speed limit",
    help="Share of time in which the device computes at most; it pauses between small pieces of work. The default "
    "is 100 % for NVIDIA cards, and 50 % for a processor or an Apple chip, so that the computer stays quiet and "
    "answers quickly.",
)
COMPILE: Final = Switch(
    key="compile",
    scope="device",
    default=False,
    label="Compile models",
    help="Translate a run's model into code for this very device before training, which can make it faster. It takes a "
    "minute or more of one processor thread at each new model, at the lowest priority, which no limit slows down; it "
    "needs a compiler on this computer, and lets the training process start programs, which may do no more than it may "
    "itself. Where it does not work, the device trains without and says why. Takes effect when the device next begins.",
)

# Heterogeneous in their value types; each use names one constant above and so keeps its type.
OPTIONS: Final[tuple[Option[Any], ...]] = (
    WHEN_TO_RUN,
    IDLE_MINUTES,
    HOURS,
    RUN_ON_BATTERY,
    PAUSE_FOR_GAMES,
    PAUSE_PROGRAMS,
    START_AT_LOGON,
    CPU_THREADS,
    MEMORY_FREE_MIN_MB,
    DISK_FREE_MIN_MB,
    DISK_CACHE_LIMIT_GB,
    DISK_WRITE_LIMIT_GB_PER_DAY,
    UPLOAD_LIMIT_KB_PER_S,
    DOWNLOAD_LIMIT_KB_PER_S,
    TRANSFER_ON_METERED,
    DATA_BUDGET_GB_PER_MONTH,
    ENERGY_BUDGET_KWH_PER_MONTH,
    MONEY_BUDGET_PER_MONTH,
    CURRENCY,
    POWER_PRICE_CT_PER_KWH,
    CHEAP_PRICE_CT_PER_KWH,
    CHEAP_HOURS,
    WAIT_FOR_CHEAP_POWER,
    COUNTRY,
    CARBON_GRAMS_PER_KWH,
    DEVICE_USE,
    POWER_CAP_WATTS,
    TEMPERATURE_LIMIT_CELSIUS,
    SPEED_LIMIT_PERCENT,
    COMPILE,
)
BY_KEY: Final = MappingProxyType({option.key: option for option in OPTIONS})
